"""Users with credits, a count of outcomes, and a final check, for the proofs of faults."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from sqlalchemy import URL, QueuePool, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import DatabaseSettings, IsolationLevel, errors
from shop.models import Key, User
from shop.unit_of_work import Database, UnitOfWork
from tests.factories import UserFactory
from tools.sources import connect

Shop = Database
Work = Callable[[UnitOfWork], Awaitable[object]]

# The sessions of the application, and its sessions that are in a transaction or hold a lock.
SESSIONS = """
    SELECT count(DISTINCT pid) FROM pg_stat_activity LEFT JOIN pg_locks USING (pid)
    WHERE datname = current_database() AND application_name = 'shop'
"""
BUSY = f"{SESSIONS} AND (state <> 'idle' OR locktype IS NOT NULL)"
BLOCKED = """
    SELECT count(*) FROM pg_locks
    WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE pid = :backend AND NOT granted"


@dataclass
class Tally:
    """Faults that units of work met, and how often each outcome occurred."""

    injected: int = 0
    committed: int = 0
    retried: int = 0
    unknown: int = 0
    failed: int = 0

    async def transact(
        self,
        database: Shop,
        work: Work,
        *,
        attempts: int = 5,
        isolation_level: IsolationLevel | None = None,
    ) -> None:
        """Await a unit of work, count its outcome, and raise its error."""
        runs = 0

        async def counted(uow: UnitOfWork) -> None:
            nonlocal runs
            runs += 1
            await work(uow)

        try:
            await database.transact(counted, attempts=attempts, isolation_level=isolation_level)
        except errors.CommitUnknown:
            self.unknown += 1
            raise
        except Exception:
            self.failed += 1
            raise
        else:
            self.committed += 1
        finally:
            self.retried += max(runs - 1, 0)

    def __str__(self) -> str:
        return ", ".join(f"{number} {name}" for name, number in asdict(self).items())


@pytest.fixture
def tally(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Iterator[Tally]:
    """A count that is printed with the name of the test."""
    tally = Tally()
    yield tally
    record_property(request.node.name.removeprefix("test_").replace("_", " "), str(tally))


@pytest.fixture
async def server(fresh_database_url: URL) -> AsyncIterator[AsyncConnection]:
    """A connection to the database for the test itself, in autocommit mode and without a pool."""
    async with connect(fresh_database_url) as connection:
        yield connection


@asynccontextmanager
async def opened(url: URL, **values: Any) -> AsyncIterator[Shop]:
    """Return the database of an application with these settings."""
    async with Database(DatabaseSettings(_env_file=None, url=url, **values)) as shop:
        yield shop


async def make_users(database: Shop, number: int = 2, credits_each: int = 100) -> list[Key]:
    """Commit users, and return their keys in ascending order."""
    async with database.unit_of_work() as uow:
        users = await uow.users.add_many(UserFactory.batch(number, credits=credits_each))
    return sorted(user.id for user in users)


async def credits_by_user(database: Shop) -> Mapping[Key, int]:
    async with database.unit_of_work() as uow:
        return {user.id: user.credits for user in await uow.users.all(order_by=[User.id])}


async def backend_of(uow: UnitOfWork) -> int:
    return int(await uow.session.scalar(text("SELECT pg_backend_pid()")) or 0)


async def end(server: AsyncConnection, backend: int) -> None:
    """End a session as an administrator would, and wait until it has ended."""
    query = text("SELECT pg_terminate_backend(:backend, 10000)")
    assert await server.scalar(query, {"backend": backend})


async def make_standby(server: AsyncConnection, standby: bool) -> None:
    """Let the sessions that begin later refuse changes, as those of a standby do, or allow them again."""
    change = "SET default_transaction_read_only = on" if standby else "RESET ALL"
    await server.execute(text(f'ALTER DATABASE "{server.engine.url.database}" {change}'))


async def wait_until(server: AsyncConnection, query: str, expected: object, **values: Any) -> None:
    """Ask the server until the answer is true, for a minute at most."""
    answer: object = None
    try:
        async with asyncio.timeout(60):
            while (answer := await server.scalar(text(query), values)) != expected:
                await server.execute(text("SELECT pg_sleep(0.01)"))
    except TimeoutError:
        pytest.fail(f"expected {expected!r}, but {answer!r} is the answer to {query}")


async def assert_whole(database: Shop, total: int) -> None:
    """Check that a fault left no transaction, lock or connection behind, and that the pool is intact.

    The server notices a moment later that a client has gone. A task that was cancelled while it
    gives back its connection does not wait for the end of that.
    """
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    async with connect(database.settings.url) as server:
        await wait_until(server, BUSY, 0)
        async with asyncio.timeout(10):
            while pool.checkedout():
                await server.scalar(text("SELECT 1"))
        assert sum((await credits_by_user(database)).values()) == total
        await use_all_of(database)
        assert pool.checkedout() == 0
        await wait_until(server, SESSIONS, pool.checkedin())


async def use_all_of(database: Shop) -> None:
    """Open as many units of work at the same time as the pool allows."""
    slots = database.settings.pool_size + database.settings.max_overflow
    everybody = asyncio.Barrier(slots)

    async def use() -> None:
        async with database.unit_of_work() as uow:
            await backend_of(uow)
            await everybody.wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for _ in range(slots):
            tasks.create_task(use())
