"""What is refused because it would go wrong in silence.

**One session, one task.** `asyncio.gather` over one session often succeeds, because the driver lets
one statement wait for the other, and then one task commits what the other has half done. So a
statement, a COMMIT or a ROLLBACK that meets a running statement on its connection is a
`UnitOfWorkError`. Handing a session from one task to another, one after the other, is fine: it is the
overlap that is refused, not the owner.

**A COMMIT of nothing.** PostgreSQL answers COMMIT of an aborted transaction with ROLLBACK and no error,
so an error that was caught on the way would undo all of it, and nobody would know.

Limits: a statement that meets the fetch of a stream is refused by the driver, as a `DatabaseError`
that does not say why.
"""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import IllegalStateChangeError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session, SessionTransaction

from .errors import DatabaseError, UnitOfWorkError
from .translation import SHARED_SESSION

_failed: WeakSet[Connection] = WeakSet()


def mark_failed(connection: Connection) -> None:
    """Remember that a statement has failed; the engine does so, except for the driver's own COPY."""
    _failed.add(connection)


def refuse_empty_commit(engine: AsyncEngine) -> None:
    """Let no transaction that an error has aborted seem to be committed."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(context: ExceptionContext) -> None:
        cancelled = context.sqlalchemy_exception is None
        if context.connection is not None and not cancelled and not context.is_disconnect:
            mark_failed(context.connection)

    @event.listens_for(engine.sync_engine, "commit")
    def ask(connection: Connection) -> None:
        if connection in _failed:
            _failed.remove(connection)
            try:
                connection.exec_driver_sql("SELECT 1")
            except DatabaseError:
                if not connection.invalidated:  # or it would go back to the pool as it is
                    connection.connection.rollback()
                raise

    @event.listens_for(engine.sync_engine, "rollback")
    @event.listens_for(engine.sync_engine, "rollback_savepoint")
    def forget(connection: Connection, *_: object) -> None:
        _failed.discard(connection)


def refuse_overlap(engine: AsyncEngine) -> None:
    """Let no statement of this engine run on a connection where another one is running."""
    # Kept by SQLAlchemy's connection, which lives for one check-out, and not in the `info` of the
    # pooled one: so no mark can outlive its transaction. The identity of the execution is enough,
    # and holds on to nothing.
    running: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def start(connection: Connection, *rest: Any) -> None:
        _, _, _, context, _ = rest  # cursor, statement, parameters, …, executemany
        if running.setdefault(connection, id(context)) != id(context):
            raise UnitOfWorkError(SHARED_SESSION)

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(connection: Connection, *_: object) -> None:
        running.pop(connection, None)

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(context: ExceptionContext) -> UnitOfWorkError | None:
        # Comes for a cancellation too, for the statement that was refused, and for a fetch.
        connection = context.connection
        mark = running.get(connection) if connection is not None else None
        if connection is not None and mark == id(context.execution_context):
            del running[connection]
        elif mark is not None and not isinstance(context.original_exception, UnitOfWorkError):
            return UnitOfWorkError(SHARED_SESSION)
        # A COMMIT or ROLLBACK that does not even leave the driver met the fetch of a stream, which
        # has no mark. The connection is lost to us, and would go to the pool as it is.
        driver = context.dialect.loaded_dbapi
        if context.execution_context is None and isinstance(
            context.original_exception, driver.InterfaceError
        ):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False
        return None

    @event.listens_for(engine.sync_engine, "commit")
    def refuse_to_commit(connection: Connection) -> None:
        if connection in running:
            connection.invalidate()
            raise UnitOfWorkError(SHARED_SESSION)

    @event.listens_for(engine.sync_engine, "rollback")
    def cut_off(connection: Connection) -> None:
        # A busy connection takes no ROLLBACK, and would go to the pool as it is. This cancels the
        # statement on the server, and closes the connection.
        if connection in running:
            connection.invalidate()


class GuardedSession(Session):
    """A session that can be closed, and keeps no connection, whatever another task does with it."""

    _flushing_now = False
    _abandoned = False

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write what is pending.

        Raises:
            UnitOfWorkError: another task is doing so.
        """
        if self._flushing_now:
            raise UnitOfWorkError(SHARED_SESSION)
        self._flushing_now = True
        try:
            super().flush(objects)
        finally:
            self._flushing_now = False

    def close(self) -> None:
        """Close it now, or as soon as the other task has the connection that it is waiting for."""
        try:
            super().close()
        except IllegalStateChangeError:
            self._abandoned = True


@event.listens_for(GuardedSession, "after_begin")
def _give_back(session: GuardedSession, _: SessionTransaction, connection: Connection) -> None:
    if session._abandoned:
        connection.close()
        raise UnitOfWorkError(SHARED_SESSION)
