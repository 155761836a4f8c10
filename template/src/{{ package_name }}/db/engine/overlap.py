"""Two tasks that use one session at the same time get an error.

`asyncio.gather` over one session often succeeds, because the driver makes one statement wait for the
other. Then one task commits half of what the other task does. So a statement, a COMMIT or a ROLLBACK
raises a `UnitOfWorkError` while another statement runs on the same connection. A task may pass a
session on to another task: only overlap is refused.

Limits: when a stream is fetching, the driver itself refuses another statement. That error is a
`DatabaseError`, and does not name the reason.
"""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import UnitOfWorkError
from .translation import SHARED_SESSION


def refuse_overlap(engine: AsyncEngine) -> None:
    """Raise an error when a statement begins while another one runs on the same connection."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def refuse(connection: Connection, *_: object) -> None:
        if _is_busy(connection):
            raise UnitOfWorkError(SHARED_SESSION)

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(case: ExceptionContext) -> UnitOfWorkError | None:
        # The event also comes for a cancellation, for the refused statement, and for a fetch.
        if _is_busy(case.connection) and not isinstance(case.original_exception, UnitOfWorkError):
            return UnitOfWorkError(SHARED_SESSION)
        # The driver refused a COMMIT or ROLLBACK, because a stream was fetching, which locks nothing.
        # The connection is now useless, and would go back to the pool.
        if case.execution_context is None and isinstance(case.sqlalchemy_exception, InterfaceError):
            case.is_disconnect = True
            case.invalidate_pool_on_disconnect = False
        return None

    @event.listens_for(engine.sync_engine, "commit")
    def refuse_to_commit(connection: Connection) -> None:
        if _is_busy(connection):
            connection.invalidate()
            raise UnitOfWorkError(SHARED_SESSION)

    @event.listens_for(engine.sync_engine, "rollback")
    def cut_off(connection: Connection) -> None:
        # A busy connection refuses ROLLBACK, and would go back to the pool. So this cancels the
        # statement on the server, and closes the connection.
        if _is_busy(connection):
            connection.invalidate()


def _is_busy(connection: Connection | None) -> bool:
    """Return whether a statement runs: SQLAlchemy then holds a private lock of the connection."""
    pooled = connection and connection._dbapi_connection
    driver: Any = pooled and pooled.dbapi_connection  # it is None after an invalidation
    return bool(driver and driver._execute_mutex.locked())
