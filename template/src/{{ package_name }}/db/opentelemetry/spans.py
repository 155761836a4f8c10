"""One span for each statement. It is made after the statement has ended."""

import sys
from collections.abc import Callable, Mapping
from time import time_ns

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from ..engine.query_log import RecordedQuery, listen

Attributes = Callable[[], Mapping[str, str]]
_NANOSECONDS = 1_000_000_000


def trace_statements(engine: AsyncEngine, *, slow: float, attributes: Attributes) -> None:
    """Make a span for each statement of an engine, as a child of the current span.

    Args:
        engine: the engine. Call this once for an engine, because each call adds spans.
        slow: a statement that takes more seconds is also an event of the current span. 0 adds no events.
        attributes: returns more attributes, for the span and the current span.
    """
    tracer = trace.get_tracer(__name__)
    server = {
        "db.system.name": engine.dialect.name,
        "db.namespace": engine.url.database or "",
        "server.address": engine.url.host or "",
    }

    def end(_: Connection, query: RecordedQuery, __: bool) -> None:
        request, now, more = trace.get_current_span(), time_ns(), attributes()
        request.set_attributes(more)
        span = tracer.start_span(
            (query.text.split(maxsplit=1) or [""])[0].upper(),  # a statement may be empty
            kind=SpanKind.CLIENT,
            attributes={**server, **more, "db.query.text": str(query)},
            start_time=now - int(query.seconds * _NANOSECONDS),
        )
        # Each call of SQLAlchemy has its own greenlet. So there is an error only if the statement failed.
        if error := sys.exception():
            code = getattr(error, "sqlstate", None) or type(error).__name__
            span.set_attribute("error.type", code)
            span.set_status(StatusCode.ERROR)
        span.end(now)
        if slow and query.seconds > slow:
            request.add_event(
                "slow statement", {"db.query.text": str(query), "seconds": query.seconds}
            )

    listen(engine, end)
