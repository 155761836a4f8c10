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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from time import monotonic
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event
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
    listeners = [listen(engine, lambda _, query, __: queries.append(query)) for engine in engines]
    try:
        yield queries
    finally:
        for each in chain(*listeners):
            event.remove(*each)


def log_slow_queries(engine: AsyncEngine, seconds: float) -> None:
    """Log each statement that takes longer than this."""

    def log(_: Connection, query: RecordedQuery, __: bool) -> None:
        if query.seconds > seconds:
            logger.warning("a statement took %.2f s: %s", query.seconds, query)

    listen(engine, log)


def log_repeated_queries(engine: AsyncEngine, times: int) -> None:
    """Log a statement that runs more often than this in one transaction, once per transaction."""
    counts: WeakKeyDictionary[Any, Counter[str]] = WeakKeyDictionary()

    def count(connection: Connection, query: RecordedQuery, batch: bool) -> None:
        if batch:  # one call, for many rows
            return
        count = counts.setdefault(connection.get_transaction(), Counter())
        count[query.text] += 1
        if count[query.text] == times + 1:
            message = "a statement ran more than %d times in one transaction, now at %s: %s"
            logger.warning(message, times, find_call_site() or "an unknown place", query)

    listen(engine, count)


def listen(engine: AsyncEngine, call: _Listener) -> Sequence[tuple[Any, ...]]:
    """Call a function after each statement. Return the arguments of `event.remove`, to stop it."""

    def start(_: Connection, *rest: Any) -> None:
        rest[3].started = monotonic()  # cursor, statement, parameters, context, executemany

    def end(connection: Connection, *rest: Any) -> None:
        _, statement, _, context, executemany = rest
        since = getattr(context, "started", None)
        if since is not None and not statement.startswith(_NOT_RECORDED):
            call(connection, RecordedQuery(statement, monotonic() - since), executemany)

    def fail(error: ExceptionContext) -> None:
        if error.connection and error.statement and error.execution_context:
            end(error.connection, None, error.statement, None, error.execution_context, False)

    calls = {"before_cursor_execute": start, "after_cursor_execute": end, "handle_error": fail}
    listeners: list[tuple[Any, ...]] = [(engine.sync_engine, *each) for each in calls.items()]
    for each in listeners:
        event.listen(*each)
    return listeners
