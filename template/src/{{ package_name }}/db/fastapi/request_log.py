"""One line in the log for each request, with its id, its time and the number of its statements.

The line has the status that the client got. If the response did not reach its end, because a stream
raised or the request was cancelled, the line ends with "(broken off)", and `complete` is false. Without
a response, the status is null, and "-" in the text.

The id comes from the header `X-Request-ID`, if that has at most 64 letters, digits, `-` and `_`.
Otherwise the id is new. The response and every line that the request logs have it.

A request to `/health/` is logged at the level DEBUG, because an orchestrator sends one every few seconds.
"""

import asyncio
import logging
import re
from contextvars import ContextVar
from time import monotonic
from urllib.parse import quote
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from ..engine.query_log import RecordedQuery
from .problems import answer

_SAFE = re.compile(r"[\w-]{1,64}", re.ASCII)
_log = logging.getLogger(__name__)
_statements: ContextVar[list[str]] = ContextVar("statements")


class RequestLog:
    """The middleware that gives each request an id, and logs its end.

    Args:
        app: the application that this wraps.
        running: the tasks of the running requests. The middleware adds and removes them.
    """

    def __init__(self, app: ASGIApp, running: set[object]) -> None:
        self._app = app
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and log the request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _SAFE.fullmatch(given) else uuid4().hex
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        ran: list[str] = []
        _statements.set(ran)
        task, start = asyncio.current_task(), monotonic()
        status: int | None = None
        complete = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            else:
                complete = not message.get("more_body")
            await send(message)

        self._running.add(task)
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            if not status:
                response = answer(500, "the service made a mistake, and its log has the reason")
                # After an exception the server closes the connection. The next request must not use it.
                response.headers["Connection"] = "close"
                await response(scope, receive, send_with_id)
            raise  # the server logs the traceback
        finally:
            self._running.discard(task)
            path = quote(scope["path"])  # a line break would begin a new line in the log
            fields = {"method": scope["method"], "path": path, "status": status}
            figures = {"complete": complete, "seconds": monotonic() - start, "statements": len(ran)}
            route = scope["path"].removeprefix(scope.get("root_path", ""))
            level = logging.DEBUG if route.startswith("/health/") else logging.INFO
            end = f"{status or '-'}{'' if complete else ' (broken off)'}"
            _log.log(level, f"%(method)s %(path)s {end}", fields, extra=fields | figures)


def count_statement(_: object, query: RecordedQuery, __: bool) -> None:
    """Count a statement for the request that runs it. `listen` of the query log calls this."""
    _statements.get([]).append(query.text)
