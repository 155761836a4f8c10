"""A route that runs again after a `TransientError`, such as a deadlock.

::

    router = APIRouter(route_class=RetriedRoute)

The dependencies and the function run again, in a new transaction. The client gets no response before
the last attempt. Background tasks of a failed attempt do not run. The function must have no effect
outside of its transaction. Send a mail in an `after_commit` hook or a background task.

A request with a form or an upload does not run again, because it cannot be read twice. Any other body
is read into memory. So a route that reads its body as a stream needs another router. A streamed
response begins after the last attempt, and does not run again. This does not work for websockets.

A dependency that begins before the unit of work ends after the commit. If its end raised a
`TransientError`, the committed work would run again. So let it raise something else.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from ..unit_of_work.retry import retry

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RetriedRoute(APIRoute):
    """A route that runs its dependencies and its function again after a `TransientError`."""

    attempts: ClassVar[int] = 3
    """The maximum number of attempts. Subclass the route for another number."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler in a function that repeats it. FastAPI calls this."""
        handle = super().get_route_handler()

        async def handle_with_retries(request: Request) -> Response:
            # The route may read a form that FastAPI does not know, so its parameters do not tell.
            if "form" in request.headers.get("Content-Type", "").lower():
                return await handle(request)
            if not self.body_field:  # otherwise FastAPI reads it
                await request.body()  # the request object keeps the body for the next attempt
            return await retry(partial(_attempt, handle, request), attempts=self.attempts)

        return handle_with_retries


async def _attempt(handle: Handler, request: Request) -> Response:
    """Run the dependencies and the function once."""
    try:
        # FastAPI would end this stack, and so commit, after all attempts. It must end here, or a failed
        # commit gets no new attempt.
        async with request.scope["fastapi_function_astack"]:
            return await handle(request)
    except BaseException:
        # FastAPI ends this one after the response. A failed attempt sends no response.
        async with request.scope["fastapi_inner_astack"].pop_all():
            raise
