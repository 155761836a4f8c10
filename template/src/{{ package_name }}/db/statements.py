"""What statements run, how long they take, and which come again and again; never their parameters.

::

    with record_statements(database.engine) as statements:
        await list_posts(uow)
    assert len(statements) <= 2

In a test, the fixture `max_queries` says the same in one line. In the log there are two warnings: a
statement that took longer than `log_statements_longer_than`, and for development, one that came
more than `log_statements_repeated_more_than` times in a transaction, which is mostly a query in a
loop (N+1) that an eager load or one `IN` could replace.

Limits: a time is the driver's and the server's, until the first rows are there; what a stream
fetches later is not in it. BEGIN, COMMIT and savepoints are no statements here.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import ExceptionContext, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from .origin import find_origin

logger = logging.getLogger(__name__)

_SAVEPOINTS = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")
_LONGEST = 1000  # of a text in the log: an INSERT of many rows has megabytes


_Listener = Callable[[Connection, "Statement", bool], None]


class Statement(NamedTuple):
    """A statement that ran, or failed: its text without parameters, and how long it took."""

    text: str
    seconds: float

    def __str__(self) -> str:
        text = " ".join(self.text.split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


@contextmanager
def record_statements(*engines: AsyncEngine) -> Iterator[list[Statement]]:
    """Yield a list that grows by each statement of these engines, as long as the block runs."""
    statements: list[Statement] = []
    stops = [_listen(engine, lambda _, each, __: statements.append(each)) for engine in engines]
    try:
        yield statements
    finally:
        for stop in stops:
            stop()


def log_slow_statements(engine: AsyncEngine, seconds: float) -> None:
    """Log each statement that took longer."""

    def log(_: Connection, statement: Statement, __: bool) -> None:
        if statement.seconds > seconds:
            logger.warning("a statement took %.2f s: %s", statement.seconds, statement)

    _listen(engine, log)


def log_repeated_statements(engine: AsyncEngine, times: int) -> None:
    """Log a statement once in a transaction, when it comes there more often than so many times."""
    counts: WeakKeyDictionary[Connection, Counter[str]] = WeakKeyDictionary()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        counts[connection] = Counter()

    def count(connection: Connection, statement: Statement, batch: bool) -> None:
        if batch:  # of one call, for many rows
            return
        count = counts[connection]
        count[statement.text] += 1
        if count[statement.text] == times + 1:
            place = find_origin() or "an unknown place"
            logger.warning(
                "a statement came more than %d times, now at %s: %s", times, place, statement
            )

    _listen(engine, count)


def _listen(engine: AsyncEngine, call: _Listener) -> Callable[[], None]:
    """Call a function after each statement, and return what ends that."""
    started: WeakKeyDictionary[ExecutionContext, float] = WeakKeyDictionary()

    def start(_: Connection, *rest: Any) -> None:
        _, _, _, context, _ = rest  # cursor, statement, parameters, …, executemany
        started[context] = monotonic()

    def end(connection: Connection, *rest: Any) -> None:
        _, statement, _, context, executemany = rest
        since = started.pop(context, None)
        if since is not None and not statement.startswith(_SAVEPOINTS):
            call(connection, Statement(statement, monotonic() - since), executemany)

    def fail(error: ExceptionContext) -> None:
        if error.connection and error.statement and error.execution_context:
            end(error.connection, None, error.statement, None, error.execution_context, False)

    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": start,
        "after_cursor_execute": end,
        "handle_error": fail,
    }
    for name, listener in listeners.items():
        event.listen(engine.sync_engine, name, listener)

    def stop() -> None:
        for name, listener in listeners.items():
            event.remove(engine.sync_engine, name, listener)

    return stop
