"""COPY: rows of every kind and source are read as they were written, in the same transaction."""

import logging
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select

from shop.db import Database, errors
from shop.db.repository.batches import BATCH
from tests.proofs.support.people import (
    Animal,
    Awkward,
    Cat,
    Color,
    Computed,
    Counted,
    Fish,
    Flat,
    Friend,
    Numbered,
    Person,
    Thing,
    Values,
    Work,
    become_tenant,
    count,
    people,
    thing,
)
from tests.proofs.support.rows import insert_rows, upsert_rows

NASTY = "tab\t, newline\n, \\N, \\., a quote ' and é"


@pytest.mark.parametrize("model", [Flat, Thing])
@pytest.mark.parametrize("write", ["copy", "upsert"])
async def test_values_of_all_types_come_back_as_they_were(
    stock: Database[Work], model: type[Values], write: str
) -> None:
    # An upsert of few rows uses unnested arrays, or a temporary table if the model has arrays.
    extra: dict[str, object] = (
        {} if model is Flat else {"tags": ["a,b", NASTY], "colors": [Color.RED, Color.BLUE]}
    )
    rows = [thing(NASTY, **extra), thing("b", details=None, note="", **extra)]
    async with stock.unit_of_work() as work:
        if write == "copy":
            assert await insert_rows(work.session, model, rows) == 2
        else:
            assert await upsert_rows(work.session, model, rows, conflict_target=["title"]) == 2

    async with stock.unit_of_work() as work:
        found = (await work.session.scalars(select(model).order_by(model.id))).all()
        nulls = await work.session.scalar(select(func.count()).where(model.details.is_(None)))
    padded = [row | {"code": "a  ", "lower": "abc", "scalar": 7, "made": 11} for row in rows]
    assert [{name: getattr(row, name) for name in padded[0]} for row in found] == padded
    assert nulls == 1
    assert [row.id.version for row in found] == [7, 7]


async def test_a_copy_as_the_first_statement_is_rolled_back_too(stock: Database[Work]) -> None:
    with pytest.raises(KeyError):
        async with stock.unit_of_work() as work:
            assert await insert_rows(work.session, Person, people(3)) == 3
            raise KeyError

    assert await count(stock) == 0


async def test_pending_entities_are_flushed_before_the_copy(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        work.session.add(Person(id=99, email="b"))  # it was not flushed
        friends = [
            {"person_id": 99, "number": number, "name": f"friend {number}"} for number in (1, 2)
        ]
        await insert_rows(work.session, Friend, friends)

        assert (await work.session.get_one(Friend, (99, 2))).name == "friend 2"


async def test_rows_may_be_models_and_come_from_any_iterable(stock: Database[Work]) -> None:
    async def generate() -> AsyncIterator[Person]:
        for row in people(3, "c"):
            yield Person(**row)

    async with stock.unit_of_work() as work:
        assert (
            await insert_rows(work.session, Person, [Person(**row) for row in people(3, "a")]) == 3
        )
        assert await insert_rows(work.session, Person, people(3, "b")) == 3
        assert await insert_rows(work.session, Person, generate()) == 3
        assert await insert_rows(work.session, Person, []) == 0
        assert not list(work.session.sync_session.identity_map.values())
        found = await work.session.scalars(select(Person.id).order_by(Person.email))

    assert found.all() == list(range(1, 10))  # the server's keys follow the order of the rows


async def test_the_version_and_the_class_of_a_row_are_what_a_flush_would_write(
    stock: Database[Work],
) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Counted, [{"name": "a"}])
        await insert_rows(work.session, Cat, [{"lives": 9}])
        await insert_rows(work.session, Animal, [{"lives": 1}])

        assert (await work.session.scalars(select(Counted))).one().version == 1
        assert (await work.session.scalars(select(Cat))).one().lives == 9


async def test_defaults_of_python_are_copied(
    stock: Database[Work], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "shop.db.postgresql.bulk_insert"):
        async with stock.unit_of_work() as work:
            await insert_rows(work.session, Counted, [{"name": "a"}])
            row = (await work.session.scalars(select(Counted))).one()

    assert (row.id.version, row.number, row.version) == (7, 0, 1)
    assert caplog.records == []  # it was a COPY


async def test_the_server_evaluates_a_default_that_is_sql(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Computed, [{"name": "a"}, {"name": "b"}])
        found = await work.session.execute(select(Computed.name, Computed.by, func.current_user()))

        await insert_rows(work.session, Numbered, [{"name": "a"}, {"name": "b"}])
        numbers = (await work.session.scalars(select(Numbered.number))).all()

    assert [(name, by == user) for name, by, user in found] == [("a", True), ("b", True)]
    assert len({*numbers}) == 2


async def test_rows_that_copy_cannot_write_are_inserted_and_this_is_logged(
    stock: Database[Work], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "shop.db.postgresql.bulk_insert"):
        async with stock.unit_of_work() as work:
            await insert_rows(
                work.session, Awkward, ({"name": f"a{number}"} for number in range(BATCH + 1))
            )
            await insert_rows(
                work.session, Awkward, [{"name": "b", "capitals": "", "backwards": "abc"}]
            )
            found = await work.session.execute(
                select(Awkward.capitals, Awkward.backwards).order_by(Awkward.id.desc()).limit(2)
            )

    assert found.all() == [("", "cba"), (f"A{BATCH}", None)]
    assert [record.getMessage() for record in caplog.records] == [
        "no COPY into awkward: a statement makes the default of awkward.capitals",
        "no COPY into awkward: an SQL expression writes the values of awkward.backwards",
    ]


async def test_rows_whose_keys_differ_are_refused(stock: Database[Work]) -> None:
    rows: list[dict[str, object]] = [*people(BATCH), {"email": "x", "nick": "y"}, *people(1, "z")]
    async with stock.unit_of_work() as work:
        with pytest.raises(
            ValueError, match=f"row {BATCH + 1} has other keys than the first row: name, nick"
        ):
            await insert_rows(work.session, Person, rows)

    assert await count(stock) == 0  # the unit of work committed, but the batch was undone


@pytest.mark.parametrize(
    ("model", "row", "message"),
    [
        (Person, {"emial": "a"}, "Person has no column emial"),
        (Person, Person(email="a", friends=[]), "Person has no column friends"),
        (Fish, {"lives": 1}, "Fish is not mapped to one table"),
    ],
)
async def test_an_attribute_without_a_column_is_refused(
    stock: Database[Work], model: type[Person], row: Person, message: str
) -> None:
    async with stock.unit_of_work() as work:
        with pytest.raises(TypeError, match=message):
            await insert_rows(work.session, model, [row])


async def test_rows_can_be_inserted_under_row_security(stock: Database[Work]) -> None:
    async with stock.sessions() as session:  # nothing is committed, not even the role
        await become_tenant(session)
        assert await insert_rows(session, Person, people(BATCH + 1, name="mine")) == BATCH + 1
        rows = people(BATCH + 2, name="mine")
        assert await upsert_rows(session, Person, rows, conflict_target=[Person.email]) == BATCH + 2
        with pytest.raises(errors.InsufficientPrivilege):
            await insert_rows(session, Person, people(1, "b", name="yours"))


async def test_the_rows_are_not_in_memory_at_the_same_time(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Person, people(1, "warm"))
        tracemalloc.start()
        try:
            await insert_rows(work.session, Person, people(60_000))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 12 * 2**20  # all rows have 24 MiB
