"""Changes of many rows by key: either all rows have the expected version, or none changes."""

import asyncio
import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from shop.db import Database, Repository, errors
from shop.db.repository.batches import BATCH
from tests.proofs.support.people import Counted, Flat, Friend, Person, Work, thing
from tests.proofs.support.rows import insert_rows, update_rows


class CountedRows(Repository[Counted, uuid.UUID]):
    model = Counted


# A few rows use unnested arrays. Many rows use a temporary table, in several batches.
FEW, MANY = (10, BATCH + 100)


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_rows_are_changed_with_version_and_time(stock: Database[Work], number: int) -> None:
    await fill(stock, number)
    async with stock.unit_of_work() as work:
        changes = [row | {"number": 7} for row in expected(number)]
        assert await update_rows(work.session, Counted, changes) == number

        rows = (await work.session.scalars(select(Counted))).all()
    assert {(row.number, row.version) for row in rows} == {(7, 2)}
    assert all(row.updated_at > row.created_at for row in rows)


@pytest.mark.parametrize("number", [FEW, MANY])
@pytest.mark.parametrize("wrong", [{"version": 2}, {"id": uuid.UUID(int=10**9)}, {"version": None}])
async def test_one_stale_row_undoes_all(
    stock: Database[Work], number: int, wrong: dict[str, object]
) -> None:
    await fill(stock, number)
    changes = [row | {"number": 7} for row in expected(number)]
    changes[-1] |= wrong
    async with stock.unit_of_work() as work:
        with pytest.raises(errors.StaleData, match=f"only {number - 1} of {number} rows"):
            await update_rows(work.session, Counted, changes)

    async with stock.unit_of_work() as work:  # the unit of work above committed
        assert set(await work.session.scalars(select(Counted.version))) == {1}


async def test_a_key_that_occurs_twice_is_refused(stock: Database[Work]) -> None:
    await fill(stock, 1)
    async with stock.unit_of_work() as work:
        with pytest.raises(errors.StaleData):
            await update_rows(work.session, Counted, [*expected(1), *expected(1)])


async def test_the_second_of_two_concurrent_changes_of_a_row_is_refused(
    stock: Database[Work],
) -> None:
    await fill(stock, FEW)

    async def change(number: int, barrier: asyncio.Barrier) -> int:
        async with stock.unit_of_work() as work:
            await work.session.connection()
            await barrier.wait()
            return await update_rows(
                work.session, Counted, [row | {"number": number} for row in expected(FEW)]
            )

    barrier = asyncio.Barrier(2)
    outcomes = await asyncio.gather(change(1, barrier), change(2, barrier), return_exceptions=True)

    assert sorted(type(each).__name__ for each in outcomes) == ["StaleData", "int"]


async def test_a_row_must_give_its_whole_key_and_its_version(stock: Database[Work]) -> None:
    cases: Sequence[tuple[type[Counted | Friend], dict[str, object], str]] = [
        (Counted, {"id": uuid.UUID(int=0), "number": 1}, "counted.version"),
        (Counted, {"version": 1, "number": 1}, "counted.id"),
        (Friend, {"number": 1, "name": "a"}, "friends.person_id"),
    ]
    async with stock.unit_of_work() as work:
        for model, row, missing in cases:
            with pytest.raises(ValueError, match=f"each row must give its {missing}"):
                await update_rows(work.session, model, [row])


async def test_rows_with_a_composite_key_and_without_a_version_are_changed(
    stock: Database[Work],
) -> None:
    async with stock.unit_of_work() as work:
        work.session.add(Person(id=1, email="a"))
        rows = [{"person_id": 1, "number": number, "name": "a"} for number in (1, 2)]
        await insert_rows(work.session, Friend, rows)

        assert await update_rows(work.session, Friend, [rows[1] | {"name": "b"}]) == 1
        assert await update_rows(work.session, Friend, []) == 0
        found = await work.session.scalars(select(Friend.name).order_by(Friend.number))

    assert found.all() == ["a", "b"]


async def test_defaults_are_not_applied_again(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Flat, [thing("a", scalar=1)])
        key = await work.session.scalar(select(Flat.id))
        await update_rows(work.session, Flat, [{"id": key, "title": "b", "details": {"a": [1]}}])
        flat = (await work.session.scalars(select(Flat))).one()

    assert (flat.title, flat.scalar, flat.details) == ("b", 1, {"a": [1]})


async def test_rows_that_cannot_be_written_are_refused(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        with pytest.raises(TypeError, match="Person has no column emial"):
            await update_rows(work.session, Person, [{"id": 1, "emial": "a"}])
        with pytest.raises(ValueError, match="row 2 has other keys"):
            await update_rows(work.session, Person, [{"id": 1, "email": "a"}, {"id": 2}])
        with pytest.raises(ValueError, match="the rows give keys, but no new values"):
            await update_rows(work.session, Person, [{"id": 1}])


async def test_the_error_names_the_violated_constraint(stock: Database[Work]) -> None:
    await fill(stock, 2)
    async with stock.unit_of_work() as work:
        changes = [row | {"name": "same"} for row in expected(2)]
        with pytest.raises(errors.UniqueViolation) as violation:
            await update_rows(work.session, Counted, changes)

    assert violation.value.constraint == "uq_counted_name"


async def test_a_version_without_the_mixin_is_counted_by_criteria_too(
    stock: Database[Work],
) -> None:
    await fill(stock, 2)
    async with stock.unit_of_work() as work:
        assert await CountedRows(work.session).update_where(Counted.name == "1", number=7) == 1
        versions = await work.session.scalars(select(Counted.version).order_by(Counted.number))

    assert versions.all() == [1, 2]


async def fill(database: Database[Work], number: int) -> None:
    async with database.unit_of_work() as work:
        rows = ({"id": uuid.UUID(int=each), "name": str(each)} for each in range(number))
        await insert_rows(work.session, Counted, rows)


def expected(number: int) -> list[dict[str, object]]:
    return [{"id": uuid.UUID(int=each), "version": 1} for each in range(number)]
