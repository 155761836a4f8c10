"""One migration at a time, and another try where a lock was not to be had in time.

A statement that waits for a lock has everybody behind it wait, too. So a migration gives up early
(`MIGRATION_LOCK_TIMEOUT`), lets the others pass, and tries again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import stamina
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.create import create_engine
from ..errors import DeadlockDetected, LockNotAvailable
from ..settings import DatabaseSettings

KEY = 0x616C656D6269
"""The advisory lock of migrations: "alembi", so that it is not a key of the application's."""


async def deploy(
    settings: DatabaseSettings, work: Callable[[Connection], None], tell: Callable[[str], None]
) -> None:
    """Run a migration while no other one runs on this database.

    Args:
        settings: as `for_migrations()` returns them.
        work: called for each try with a connection of its own.
        tell: called with what there is to wait for.

    Raises:
        CommandError: another migration does not end.
        LockNotAvailable: the last try failed as well.
    """
    logging.getLogger("stamina").addHandler(logging.NullHandler())  # we say it ourselves
    async with _alone(settings, tell) as observer:
        async for attempt in stamina.retry_context(
            on=(LockNotAvailable, DeadlockDetected),
            attempts=settings.migration_attempts,
            timeout=None,
            wait_initial=0.2,
            wait_jitter=0.5,
            wait_max=5.0,
        ):
            with attempt:
                patience = settings.lock_timeout
                if attempt.num > 1:
                    patience = max(patience, await _autovacuum(observer))
                try:
                    await run_once(settings.model_copy(update={"lock_timeout": patience}), work)
                except (LockNotAvailable, DeadlockDetected) as error:
                    last = attempt.num == settings.migration_attempts
                    then = "giving up" if last else "trying again"
                    tell(f"  {error}; {await _longest(observer)}; {then}")
                    raise


async def run_once(settings: DatabaseSettings, work: Callable[[Connection], None]) -> None:
    """Run a function on a connection of its own."""
    engine = create_engine(settings)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _alone(
    settings: DatabaseSettings, tell: Callable[[str], None]
) -> AsyncIterator[AsyncConnection]:
    """Hold the lock of migrations; yield the connection that holds it."""
    engine = create_engine(settings)
    try:
        async with engine.connect() as connection:
            # Asked for again and again: one who waits for it in a statement has a snapshot, for whose
            # end a CREATE INDEX CONCURRENTLY of the other one waits. Hence no transaction either.
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            ask = text("SELECT pg_try_advisory_lock(:key)")
            end, told = time.monotonic() + settings.migration_wait, False
            while not await connection.scalar(ask, {"key": KEY}):
                if time.monotonic() > end:
                    raise CommandError(
                        f"another migration has been running for {settings.migration_wait:g} s"
                    )
                if not told:
                    tell("another migration is running: waiting for its end")
                    told = True
                await asyncio.sleep(0.2)
            yield connection
    finally:
        await engine.dispose()


async def _autovacuum(connection: AsyncConnection) -> float:
    """Return how long to wait, so that an autovacuum in the way is cancelled; 0 where there is none.

    The server does that for us after `deadlock_timeout`, and for nobody who gives up before.
    """
    seconds: float | None = await connection.scalar(
        text(
            "SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval)::float8 + 0.5 "
            "FROM pg_stat_activity "
            "WHERE backend_type = 'autovacuum worker' AND datname = current_database() LIMIT 1"
        )
    )
    return seconds or 0.0


async def _longest(connection: AsyncConnection) -> str:
    """Say which transaction has been open for longest: it probably holds the lock."""
    row = (
        await connection.execute(
            text(
                "SELECT pid, application_name, state, round(extract(epoch FROM now() - xact_start)) "
                "FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1"
            )
        )
    ).one_or_none()
    if row is None:
        return "no transaction is open now"
    pid, name, state, seconds = row
    return f"the oldest transaction is of {name or 'somebody'}, pid {pid}, {state}, for {seconds} s"
