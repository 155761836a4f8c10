"""What the server does at this moment, and what it says about an error."""

from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


def keep_details(engine: AsyncEngine) -> None:
    """Keep what the server says beside the message of an error, as notes of the driver's error.

    The layer's errors leave it out, since it may have values of rows. Whoever migrates may see it.
    """

    @event.listens_for(
        engine.sync_engine, "handle_error", insert=True
    )  # before the layer removes it
    def keep(context: Any) -> None:
        server = getattr(context.sqlalchemy_exception, "driver_exception", None)
        for name in ("detail", "hint"):
            if said := getattr(server, name, None):
                context.original_exception.add_note(f"{name.upper()}: {said}")


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
    found = await connection.execute(
        text(
            "SELECT pid, application_name, state, round(extract(epoch FROM now() - xact_start)) "
            "FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1"
        )
    )
    row = found.one_or_none()
    if row is None:
        return "no transaction is open now"
    pid, name, state, seconds = row
    return (
        f"the oldest transaction belongs to {name or 'a program without a name'}, pid {pid}, "
        f"{state}, open for {seconds} s"
    )
