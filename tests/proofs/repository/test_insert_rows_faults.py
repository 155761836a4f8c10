"""Errors during COPY: the layer raises its own error, writes nothing, and keeps the pool intact."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shop.db import Database, errors
from shop.db.repository.batches import BATCH
from tests.proofs.support.people import Flat, Person, Work, count, people, thing
from tests.proofs.support.rows import insert_rows, upsert_rows


async def test_a_violation_undoes_this_copy_and_nothing_else(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Person, people(3, "a"))
        with pytest.raises(errors.UniqueViolation) as violation:
            await insert_rows(work.session, Person, [*people(BATCH + 1, "b"), *people(1, "a")])

    assert violation.value.constraint == "uq_people_email"
    assert "@" not in str(violation.value.__cause__)  # no values
    assert await count(stock) == 3


@pytest.mark.parametrize(
    "values", [{"short": "123456"}, {"lower": "123456"}, {"code": "abcd"}, {"made": "1"}]
)
@pytest.mark.parametrize("write", ["copy", "upsert"])
async def test_a_value_that_does_not_fit_is_refused(
    stock: Database[Work], values: dict[str, object], write: str
) -> None:
    row = thing("a", **{"made": 1} | values)
    async with stock.unit_of_work() as work:
        with pytest.raises(errors.DataException):
            if write == "copy":
                await insert_rows(work.session, Flat, [row])
            else:
                await upsert_rows(work.session, Flat, [row], conflict_target=[Flat.title])
        assert await insert_rows(work.session, Flat, [thing("a")]) == 1


async def test_an_error_of_a_trigger_is_a_database_error(stock: Database[Work]) -> None:
    async with stock.sessions() as session:  # nothing is committed, not even the trigger
        for statement in (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$",
            "CREATE TRIGGER no BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION no()",
        ):
            await session.execute(text(statement))
        with pytest.raises(errors.DatabaseError) as error:
            await insert_rows(session, Person, people(1))

    assert error.value.sqlstate == "P0001"


async def test_the_error_of_a_generator_is_raised(stock: Database[Work]) -> None:
    def generate() -> Iterator[dict[str, object]]:
        yield from people(BATCH + 1)
        raise LookupError("mine")

    async with stock.unit_of_work() as work:
        with pytest.raises(LookupError, match="mine"):
            await insert_rows(work.session, Person, generate())
        assert await insert_rows(work.session, Person, people(1)) == 1

    assert await count(stock) == 1


async def test_a_generator_may_use_the_same_session(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:

        async def generate() -> AsyncIterator[dict[str, object]]:
            for row in people(BATCH + 1):
                if row["name"] == f"{BATCH}":
                    assert await work.session.scalar(select(func.count(Person.id))) == BATCH
                yield row

        assert await insert_rows(work.session, Person, generate()) == BATCH + 1


async def test_the_pool_is_intact_after_a_cancellation(stock: Database[Work]) -> None:
    waiting = asyncio.Event()

    async def generate() -> AsyncIterator[dict[str, object]]:
        for row in people(BATCH + 1):
            yield row
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(copy_all(stock, generate()))
    async with asyncio.timeout(10):
        await waiting.wait()
    await cancel(task)

    async with stock.unit_of_work() as blocker:  # the COPY itself waits for a lock
        await blocker.session.execute(text("LOCK TABLE people"))
        task = asyncio.create_task(copy_all(stock, people(10)))
        [backend] = await copy_waits(blocker.session)
        await cancel(task)
        assert stock.engine.pool.checkedout() == 1  # type: ignore[attr-defined]  # a queue's

    assert stock.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a queue's
    assert await count(stock) == 0
    async with stock.unit_of_work() as work:
        assert await insert_rows(work.session, Person, people(10)) == 10
        gone = select(func.count() == 0).select_from(text("pg_stat_activity"))
        gone = gone.where(text("pid = :pid").bindparams(pid=backend))
        async with asyncio.timeout(10):  # it was closed, as after each cancelled statement
            while not await work.session.scalar(gone):
                await work.session.execute(text("SELECT pg_stat_clear_snapshot()"))


async def test_a_connection_that_is_lost_in_a_copy_is_a_connection_failure(
    stock: Database[Work],
) -> None:
    async with stock.unit_of_work() as blocker:
        await blocker.session.execute(text("LOCK TABLE people"))
        task = asyncio.create_task(copy_all(stock, people(10)))
        [backend] = await copy_waits(blocker.session)
        await blocker.session.execute(select(func.pg_terminate_backend(backend)))
        with pytest.raises(errors.ConnectionFailure):
            await task

    await copy_all(stock, people(10))
    assert await count(stock) == 10


async def copy_all(
    database: Database[Work],
    rows: Iterator[dict[str, object]] | AsyncIterator[dict[str, object]],
) -> None:
    async with database.unit_of_work() as work:
        await insert_rows(work.session, Person, rows)


async def cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def copy_waits(session: AsyncSession) -> Sequence[int]:
    """Wait until a COPY waits for a lock of this session, and return the number of its backend."""
    waiting = text(
        "SELECT pid FROM pg_locks "
        "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    async with asyncio.timeout(10):
        while not (found := (await session.scalars(waiting)).all()):
            pass
    return found
