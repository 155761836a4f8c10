"""Two tasks that use one session at the same time get an error.

`asyncio.gather` over one session often succeeds, because the driver makes one statement wait for the
other. Then one task commits half of what the other task does. So a statement, a COMMIT or a ROLLBACK
raises a `UnitOfWorkError` while another statement runs on the same connection. A task may pass a
session on to another task: only overlap is refused.

Limits: when a stream is fetching, the driver itself refuses another statement. That error is a
`DatabaseError`, and does not name the reason.
"""

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import UnitOfWorkError
from .translation import SHARED_SESSION


def refuse_overlap(engine: AsyncEngine) -> None:
    """Raise an error when a statement begins while another one runs on the same connection."""
    # The key is SQLAlchemy's connection, because it lives only for one check-out. So no mark is
    # left when the pool hands out the connection again. The mark is only an id, so it keeps no
    # object alive.
    running: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def start(connection: Connection, *rest: Any) -> None:
        context = rest[3]  # after the cursor, the statement and the parameters
        if running.setdefault(connection, id(context)) != id(context):
            raise UnitOfWorkError(SHARED_SESSION)

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(connection: Connection, *_: object) -> None:
        running.pop(connection, None)

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(context: ExceptionContext) -> UnitOfWorkError | None:
        # The event also comes for a cancellation, for the refused statement, and for a fetch.
        connection = context.connection
        mark = running.get(connection) if connection is not None else None
        if connection is not None and mark == id(context.execution_context):
            del running[connection]
        elif mark is not None and not isinstance(context.original_exception, UnitOfWorkError):
            return UnitOfWorkError(SHARED_SESSION)
        # The driver refused a COMMIT or ROLLBACK, because a stream was fetching, which has no mark.
        # The connection is now useless, and would go back to the pool.
        refused = isinstance(context.sqlalchemy_exception, InterfaceError)
        if refused and context.execution_context is None:
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
        # A busy connection refuses ROLLBACK, and would go back to the pool. So this cancels the
        # statement on the server, and closes the connection.
        if connection in running:
            connection.invalidate()
