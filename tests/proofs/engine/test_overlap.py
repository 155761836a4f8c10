"""Two tasks on one session get an error, and the database and the pool stay intact."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import SAWarning

from shop.db import Database, errors
from tests.proofs.support.accounts import Account, Work, names

SLEEP = text("SELECT pg_sleep(60)")
ONE = text("SELECT 1")
SHARED = "two tasks use one session at the same time"


@pytest.fixture
async def single(bank: Database[Work]) -> AsyncIterator[Database[Work]]:
    """A database with one connection, so that each unit of work gets the connection of the last one."""
    settings = bank.settings.model_copy(
        update={"pool_size": 1, "max_overflow": 0, "pool_timeout": 5, "application_name": "single"}
    )
    async with Database(settings, Work) as single:
        yield single


async def backends(bank: Database[Work], condition: str) -> int:
    async with bank.unit_of_work() as work:
        query = select(func.count()).select_from(text("pg_stat_activity"))
        query = query.where(text("datname = current_database()"), text(condition))
        return int(await work.session.scalar(query) or 0)


async def until(bank: Database[Work], condition: str, count: int = 1) -> None:
    for _ in range(1000):
        if await backends(bank, condition) == count:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"there were never {count} sessions with {condition}")


async def is_whole(bank: Database[Work], single: Database[Work]) -> None:
    """Check that no connection is in use, no transaction is open, and a new unit of work succeeds."""
    await until(bank, "application_name = 'single' AND state <> 'idle'", count=0)
    assert await names(single) == ["a", "b"]
    assert single.pool is not None
    assert single.pool.checked_out == 0
    assert single.pool.opened - single.pool.closed == 1  # each connection was counted once


@pytest.mark.parametrize("warm", [True, False])
async def test_gather_over_one_session_is_refused(
    bank: Database[Work], single: Database[Work], warm: bool
) -> None:
    with pytest.raises(errors.UnitOfWorkError, match=SHARED):
        async with single.unit_of_work() as work:
            if warm:  # otherwise the tasks would overlap while they get a connection
                await work.session.execute(ONE)
            await asyncio.gather(work.session.execute(ONE), work.session.execute(ONE))

    await is_whole(bank, single)


@pytest.mark.parametrize("warm", [True, False])
async def test_a_task_group_over_one_session_is_refused(
    bank: Database[Work], single: Database[Work], warm: bool
) -> None:
    with pytest.raises(ExceptionGroup):
        async with single.unit_of_work() as work:
            if warm:
                await work.session.execute(ONE)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(work.session.execute(SLEEP))
                tasks.create_task(work.session.execute(SLEEP))

    await is_whole(bank, single)


async def test_gather_over_a_repository_is_refused(
    bank: Database[Work], single: Database[Work]
) -> None:
    with pytest.raises(errors.UnitOfWorkError, match=SHARED), warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # SQLAlchemy warns of it too
        async with single.unit_of_work() as work:
            await work.session.execute(ONE)
            await asyncio.gather(*(work.accounts.add(Account(name=name)) for name in "cd"))

    await is_whole(bank, single)


async def test_gather_over_one_connection_is_refused(
    bank: Database[Work], single: Database[Work]
) -> None:
    with pytest.raises(errors.UnitOfWorkError, match=SHARED):
        async with single.engine.connect() as connection:
            await asyncio.gather(connection.execute(ONE), connection.execute(ONE))

    await is_whole(bank, single)


async def test_a_commit_while_a_statement_runs_is_refused(
    bank: Database[Work], single: Database[Work]
) -> None:
    async with single.sessions() as session:
        session.add(Account(name="c"))
        await session.flush()
        other = asyncio.create_task(session.execute(SLEEP))
        await until(bank, "query = 'SELECT pg_sleep(60)' AND state = 'active'")

        with pytest.raises(errors.UnitOfWorkError, match=SHARED):
            await session.commit()
        with pytest.raises(errors.DatabaseError):
            await asyncio.wait_for(other, timeout=10)

    await is_whole(bank, single)


async def test_a_rollback_ends_the_statement_of_the_other_task_with_an_error(
    bank: Database[Work], single: Database[Work]
) -> None:
    others: list[asyncio.Task[object]] = []
    with pytest.raises(ZeroDivisionError):
        async with single.unit_of_work() as work:
            others.append(asyncio.create_task(work.session.execute(SLEEP)))
            await until(bank, "query = 'SELECT pg_sleep(60)' AND state = 'active'")
            raise ZeroDivisionError

    for other in others:
        with pytest.raises(errors.DatabaseError):
            await asyncio.wait_for(other, timeout=10)
    await is_whole(bank, single)


@pytest.mark.parametrize("fetch_first", [True, False])
async def test_a_statement_during_the_fetch_of_a_stream_is_refused(
    bank: Database[Work], single: Database[Work], fetch_first: bool
) -> None:
    refused = errors.DatabaseError if fetch_first else errors.UnitOfWorkError
    with pytest.raises(refused, match=None if fetch_first else SHARED):
        async with single.unit_of_work() as work:
            stream = await work.session.stream(text("SELECT generate_series(1, 1000)"))
            await stream.fetchmany(50)  # these rows came with the statement
            both = [stream.fetchmany(200), work.session.execute(ONE)]
            await asyncio.gather(*(both if fetch_first else reversed(both)))

    await is_whole(bank, single)


async def test_a_session_may_go_from_one_task_to_another(single: Database[Work]) -> None:
    async with single.unit_of_work() as work:
        await asyncio.create_task(work.accounts.count())
        await work.accounts.count()
        await asyncio.create_task(work.accounts.add(Account(name="c")))

    assert await names(single) == ["a", "b", "c"]


async def violate(work: Work) -> None:
    with pytest.raises(errors.UniqueViolation):
        async with work.savepoint():
            await work.accounts.add(Account(name="a"))


async def refuse_a_value(work: Work) -> None:
    with pytest.raises(errors.DatabaseError):  # the driver refuses it before it is sent
        async with work.savepoint():
            await work.session.execute(text("SELECT CAST(:n AS int)"), {"n": "one"})


async def stop_a_stream(work: Work) -> None:
    stream = await work.session.stream(text("SELECT generate_series(1, 1000)"))
    await anext(aiter(stream))
    await stream.close()


async def read_while_streaming(work: Work) -> None:
    async for _ in await work.session.stream(text("SELECT generate_series(1, 100)")):
        await work.session.execute(ONE)


async def send_many(work: Work) -> None:
    async with work.session.begin_nested() as savepoint:
        many = [{"name": str(n)} for n in range(2500)]
        await work.session.execute(insert(Account), many)
        await work.session.scalars(  # with RETURNING, in batches
            insert(Account).returning(Account.id), [{"name": f"r{n}"} for n in range(2500)]
        )
        await savepoint.rollback()


@pytest.mark.parametrize(
    "use", [violate, refuse_a_value, stop_a_stream, read_while_streaming, send_many]
)
async def test_one_task_is_never_refused(
    bank: Database[Work], single: Database[Work], use: Callable[[Work], Awaitable[None]]
) -> None:
    async with single.unit_of_work() as work:
        await use(work)
        assert await work.accounts.count() == 2
        await use(work)

    await is_whole(bank, single)


async def test_nothing_is_left_of_a_cancelled_statement(
    bank: Database[Work], single: Database[Work]
) -> None:
    async with single.sessions() as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.execute(SLEEP)
        await session.rollback()
        await session.execute(ONE)

    await is_whole(bank, single)


async def test_nothing_is_left_of_a_lost_connection(
    bank: Database[Work], single: Database[Work]
) -> None:
    async with single.sessions() as session:
        with pytest.raises(errors.ConnectionFailure):
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        await session.rollback()
        await session.execute(ONE)

    await is_whole(bank, single)
