"""What the server does at this moment, and the details of its errors."""

from sqlalchemy import Engine, event, text
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


def keep_details(engine: AsyncEngine) -> None:
    """Keep the whole message of each error of an engine, as a note of the error that the layer wraps.

    The layer hides the DETAIL and other parts that may have values of rows. People who migrate may
    see them.
    """

    # A listener of all engines runs before those of one engine, and so before the layer hides it.
    @event.listens_for(Engine, "handle_error")
    def keep(context: ExceptionContext) -> None:
        said = getattr(context.sqlalchemy_exception, "driver_exception", None)
        if context.engine is engine.sync_engine and said is not None:
            context.original_exception.add_note(str(said))


async def find_autovacuum_delay(connection: AsyncConnection) -> float:
    """Return how long a session must wait for a lock until the server cancels an autovacuum.

    The server does that after `deadlock_timeout`, and only if the session still waits then. The
    result is in seconds. It is 0 if no autovacuum runs on this database.
    """
    seconds: float | None = await connection.scalar(
        text(
            "SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval)::float8 + 0.5 "
            "FROM pg_stat_activity "
            "WHERE backend_type = 'autovacuum worker' AND datname = current_database() LIMIT 1"
        )
    )
    return seconds or 0.0


async def find_oldest_transaction(connection: AsyncConnection) -> str:
    """Return a sentence about the oldest transaction, which probably holds the lock."""
    query = (
        "SELECT format('the oldest transaction belongs to %s, pid %s, %s, open for %s s', "
        "coalesce(nullif(application_name, ''), 'a program without a name'), pid, state, "
        "round(extract(epoch FROM now() - xact_start))) "
        "FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1"
    )
    return await connection.scalar(text(query)) or "no transaction is open now"
