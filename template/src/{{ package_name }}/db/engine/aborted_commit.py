"""A COMMIT of an aborted transaction is an error.

PostgreSQL answers this COMMIT with a ROLLBACK and no error. So a program that caught the error inside
would lose the whole transaction without a message.
"""

from weakref import WeakSet

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import Error

_failed: WeakSet[Connection] = WeakSet()  # connections on which a statement has failed


def refuse_aborted_commit(engine: AsyncEngine) -> None:
    """Raise an error when a transaction that the server has aborted is committed."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(context: ExceptionContext) -> None:
        # A cancellation is no exception of SQLAlchemy.
        if context.connection and context.sqlalchemy_exception and not context.is_disconnect:
            _failed.add(context.connection)

    @event.listens_for(engine.sync_engine, "commit")
    def ask(connection: Connection) -> None:
        if connection in _failed:
            _failed.remove(connection)
            try:
                connection.exec_driver_sql("SELECT 1")
            except Error:
                if not connection.invalidated:  # otherwise it would keep a transaction
                    connection.connection.rollback()
                raise

    @event.listens_for(engine.sync_engine, "rollback")
    @event.listens_for(engine.sync_engine, "rollback_savepoint")
    def forget(connection: Connection, *_: object) -> None:
        _failed.discard(connection)
