"""One line in the log for each request, with its id, its time and the number of its statements.

The id comes from the header `X-Request-ID`, if that has at most 64 letters, digits, `-` and `_`.
Otherwise the id is new. The response and every line that the request logs have it.

A request to `/health/` is logged at the level DEBUG, because an orchestrator sends one every few seconds.
"""

import asyncio
import logging
import re
from collections import Counter
from contextvars import ContextVar
from time import monotonic
from urllib.parse import quote
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from ..engine.query_log import RecordedQuery, listen
from .problems import answer

HEADER = "X-Request-ID"

_SAFE = re.compile(r"[\w-]{1,64}", re.ASCII)
_log = logging.getLogger(__name__)
_statements: ContextVar[Counter[str]] = ContextVar("statements")


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
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _SAFE.fullmatch(given) else uuid4().hex
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        _statements.set(statements := Counter[str]())
        task, start, status = asyncio.current_task(), monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
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
            figures = {"seconds": monotonic() - start, "statements": statements.total()}
            level = logging.DEBUG if path.startswith("/health/") else logging.INFO
            _log.log(level, "%(method)s %(path)s %(status)d", fields, extra=fields | figures)


def count_statements(engine: AsyncEngine) -> None:
    """Count the statements that each request runs on an engine."""

    def count(_: object, query: RecordedQuery, __: bool) -> None:
        if (statements := _statements.get(None)) is not None:
            statements[query.text] += 1

    listen(engine, count)
