"""A route that runs again after a `TransientError`, such as a deadlock.

::

    router = APIRouter(route_class=RetriedRoute)

The dependencies and the function run again, in a new transaction. The client gets nothing before the
last attempt, and background tasks of an attempt that failed are dropped. So the function may have
no other effect than its transaction: put a mail into an `after_commit` hook or a background task.

A form or an upload does not run again, since it cannot be read twice. Another body is read into
memory, so a route that reads it as a stream belongs to another router. The streamed body of a
response begins after the last attempt, and does not run again. Websockets have no such routes.
"""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute

from ..unit_of_work.retry import retry

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RetriedRoute(APIRoute):
    """A route that runs its dependencies and its function again after a `TransientError`."""

    attempts: ClassVar[int] = 3
    """How often to try at most. Subclass it for another number."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler, with attempts around it."""
        handle = super().get_route_handler()
        if self.body_field and isinstance(self.body_field.field_info, Form):
            return handle

        async def handle_with_retries(request: Request) -> Response:
            if not self.body_field:  # the function may read it
                await request.body()  # the request keeps it
            ending = request.scope["fastapi_inner_astack"]
            return await retry(partial(_attempt, handle, request, ending), attempts=self.attempts)

        return handle_with_retries


async def _attempt(handle: Handler, request: Request, ending: AsyncExitStack) -> Response:
    """Run the dependencies and the function once.

    Args:
        ending: what FastAPI ends after the response.
    """
    async with AsyncExitStack() as attempt:
        request.scope["fastapi_inner_astack"] = attempt
        # FastAPI commits at the end of this stack. After that no other attempt would be possible.
        async with AsyncExitStack() as request.scope["fastapi_function_astack"]:
            response = await handle(request)
        ending.push_async_exit(attempt.pop_all())
        return response
