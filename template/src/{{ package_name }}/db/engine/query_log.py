"""The query log: which statements ran and how long they took. It never has their parameters.

::

    with record_queries(database.engine) as queries:
        await list_posts(uow)
    assert len(queries) <= 2

In a test the fixture `max_queries` is shorter.

The logger writes a warning when a statement takes longer than `log_statements_longer_than`. In
development it also warns when a statement runs more often than `log_statements_repeated_more_than` in
one transaction. That is mostly a query in a loop (N+1), which an eager load or one `IN` can replace.

Limits: the measured time ends when the first rows arrive, so it is too short for a stream. BEGIN,
COMMIT, savepoints and SET are not recorded.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from time import monotonic
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from .call_site import find_call_site

logger = logging.getLogger(__name__)

_NOT_RECORDED = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", "SET ")
_LONGEST = 1000  # characters of a statement in the log: an INSERT of many rows can have megabytes


_Listener = Callable[[Connection, "RecordedQuery", bool], None]


class RecordedQuery(NamedTuple):
    """A statement that ran or failed: its text without parameters, and its time in seconds."""

    text: str
    seconds: float

    def __str__(self) -> str:
        text = " ".join(self.text.split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


@contextmanager
def record_queries(*engines: AsyncEngine) -> Iterator[list[RecordedQuery]]:
    """Yield a list to which each statement of these engines is added while the block runs."""
    queries: list[RecordedQuery] = []
    with ExitStack() as stack:
        for engine in engines:
            stack.callback(listen(engine, lambda _, query, __: queries.append(query)))
        yield queries


def log_slow_queries(engine: AsyncEngine, seconds: float) -> None:
    """Log each statement that takes longer than this."""

    def log(_: Connection, query: RecordedQuery, __: bool) -> None:
        if query.seconds > seconds:
            logger.warning("a statement took %.2f s: %s", query.seconds, query)

    listen(engine, log)


def log_repeated_queries(engine: AsyncEngine, times: int) -> None:
    """Log a statement that runs more often than this in one transaction, once per transaction."""
    counts: WeakKeyDictionary[Any, dict[str, int]] = WeakKeyDictionary()

    def count(connection: Connection, query: RecordedQuery, batch: bool) -> None:
        count = counts.setdefault(connection.get_transaction(), {})
        # A batch is one call, for many rows.
        count[query.text] = ran = count.get(query.text, 0) + (not batch)
        if ran == times + 1 and not batch:
            message = "a statement ran more than %d times in one transaction, now at %s: %s"
            logger.warning(message, times, find_call_site() or "an unknown place", query)

    listen(engine, count)


def listen(engine: AsyncEngine, call: _Listener) -> Callable[[], None]:
    """Call a function after each statement. Return a function that stops it."""
    if (calls := _listeners.get(engine.sync_engine)) is None:
        calls = _listeners[engine.sync_engine] = []
        _measure(engine.sync_engine, calls)
    calls.append(call)
    return partial(calls.remove, call)


_listeners: WeakKeyDictionary[Engine, list[_Listener]] = WeakKeyDictionary()


def _measure(engine: Engine, calls: list[_Listener]) -> None:
    """Call these functions after each statement. One measurement for all of them takes less time."""

    @event.listens_for(engine, "before_cursor_execute")
    def start(*given: Any) -> None:
        given[4].started = monotonic()  # connection, cursor, statement, parameters, context, batch

    @event.listens_for(engine, "after_cursor_execute")
    def end(connection: Connection, _: Any, text: str, __: Any, context: Any, batch: bool) -> None:
        since = getattr(context, "started", None)
        if since is not None and not text.startswith(_NOT_RECORDED):
            query = RecordedQuery(text, monotonic() - since)
            for call in calls:
                call(connection, query, batch)

    @event.listens_for(engine, "handle_error")
    def fail(error: ExceptionContext) -> None:
        if error.connection and error.statement and error.execution_context:
            end(error.connection, None, error.statement, None, error.execution_context, False)
