"""Run one migration at a time, and try again if a lock was not free in time.

If a statement waits for the lock of a table, all others that need this table wait behind it. So a
migration gives up early (`MIGRATION_LOCK_TIMEOUT`), lets the others pass, and tries again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import stamina
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..engine.create import create_engine
from ..errors import DeadlockDetected, LockNotAvailable
from ..settings import DatabaseSettings
from .dialect import dialect
from .settings import MigrationSettings

_LOCKED = (LockNotAvailable, DeadlockDetected)


async def run_alone(
    settings: MigrationSettings, work: Callable[[Connection], None], tell: Callable[[str], None]
) -> None:
    """Run a migration while no other one runs on this database.

    Args:
        settings: the number of tries, and how long to wait.
        work: called for each try, with a new connection.
        tell: called with a line when the migration waits for something.

    Raises:
        CommandError: another migration does not end.
        LockNotAvailable: the last try failed too.
    """
    logging.getLogger("stamina").addHandler(logging.NullHandler())  # `tell` prints its message
    engine_settings = settings.engine_settings()
    async with _hold_lock(engine_settings, settings.wait, tell) as observer:
        async for attempt in stamina.retry_context(
            on=_LOCKED, attempts=settings.attempts, timeout=None, wait_initial=0.2, wait_jitter=0.5
        ):
            with attempt:
                patience = settings.lock_timeout
                if attempt.num > 1:
                    patience = max(patience, await dialect.find_autovacuum_delay(observer))
                try:
                    patient = engine_settings.model_copy(update={"lock_timeout": patience})
                    await run_once(patient, work)
                except _LOCKED as error:
                    then = "giving up" if attempt.num == settings.attempts else "trying again"
                    tell(f"  {error}; {await dialect.find_oldest_transaction(observer)}; {then}")
                    raise


async def run_once(settings: DatabaseSettings, work: Callable[[Connection], None]) -> None:
    """Run a function on a new connection."""
    engine = create_engine(settings)
    dialect.keep_details(engine)
    try:
        await run_on_engine(engine, work)
    finally:
        await engine.dispose()


async def run_on_engine(engine: AsyncEngine, work: Callable[[Connection], None]) -> None:
    """Run a function on a connection of an engine."""
    async with engine.connect() as connection:
        await connection.run_sync(work)


@asynccontextmanager
async def _hold_lock(
    settings: DatabaseSettings, wait: float, tell: Callable[[str], None]
) -> AsyncIterator[AsyncConnection]:
    """Wait for the lock of migrations. Yield the connection that holds it."""
    engine = create_engine(settings)
    try:
        async with engine.connect() as connection:
            # Autocommit, because the snapshot of a transaction would block the other migration.
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            end, told = time.monotonic() + wait, False
            while who := await dialect.try_advisory_lock(connection):
                if time.monotonic() > end:
                    raise CommandError(f"{who} has been migrating for {wait:g} s: end it or wait")
                if not told:
                    tell(f"another migration is running: waiting for its end ({who})")
                    told = True
                await asyncio.sleep(0.2)
            yield connection
    finally:
        await engine.dispose()
