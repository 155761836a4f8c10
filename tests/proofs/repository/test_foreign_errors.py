"""When something goes wrong, each method of a repository raises an error of the tree.

Its sentence says what to do. Neither the sentence nor a logged traceback has SQL or a value.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy import text, true
from sqlalchemy.orm import Session, selectinload

from shop.db import Database, errors
from tests.proofs.support.things import (
    BigParcel,
    Call,
    Parcel,
    Shelf,
    Thing,
    Things,
    Work,
    judge,
)


async def stream(things: Things) -> None:
    async with things.stream(order_by=[Thing.id]) as partitions:
        async for _ in partitions:
            pass


READS: dict[str, Call] = {
    "get": lambda things, thing: things.get(404),
    "get with a lock": lambda things, thing: things.get(1, with_for_update=True),
    "get_one": lambda things, thing: things.get_one(405),
    "one_or_none": lambda things, thing: things.one_or_none(Thing.name == "a"),
    "all": lambda things, thing: things.all(),
    "all_and_count": lambda things, thing: things.all_and_count(order_by=[Thing.id], limit=1),
    "paginate": lambda things, thing: things.paginate(order_by=[Thing.moment], limit=1),
    "stream": lambda things, thing: stream(things),
    "count": lambda things, thing: things.count(),
    "exists": lambda things, thing: things.exists(),
}
WRITES: dict[str, Call] = {
    "add": lambda things, thing: things.add(Thing(name="c")),
    "add_many": lambda things, thing: things.add_many([Thing(name="c"), Thing(name="d")]),
    "insert_rows": lambda things, thing: things.insert_rows([{"name": "c"}]),
    "upsert": lambda things, thing: things.upsert({"name": "a"}, conflict_target=[Thing.name]),
    "upsert_rows": lambda things, thing: things.upsert_rows(
        [{"name": "a"}, {"name": "b"}], conflict_target=[Thing.name]
    ),
    "update": lambda things, thing: things.update(thing, count=7),
    "update_rows": lambda things, thing: things.update_rows([{"id": 1, "count": 7}]),
    "delete": lambda things, thing: things.delete(thing),
    "delete_by_keys": lambda things, thing: things.delete_by_keys([1]),
    "delete_where": lambda things, thing: things.delete_where(true()),
}
METHODS = READS | WRITES


async def violate(work: Work) -> None:
    with pytest.raises(errors.UniqueViolation):
        await work.things.add(Thing(name="a"))


async def fail_to_read(work: Work) -> None:
    with pytest.raises(errors.DatabaseError):
        await work.session.execute(text("SELECT 1 / 0"))


async def lose_the_connection(work: Work) -> None:
    with suppress(errors.Error):
        await work.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def lose_the_table(work: Work) -> None:
    await work.session.execute(text("ALTER TABLE fe_things RENAME TO fe_gone"))


async def roll_the_connection_back(work: Work) -> None:
    with pytest.raises(errors.UnitOfWorkError):
        await (await work.session.connection()).rollback()


SITUATIONS: dict[str, tuple[Callable[[Work], Awaitable[None]], type[errors.Error], str]] = {
    "after a violation": (violate, errors.UnitOfWorkError, "savepoint"),
    "after a failed read": (fail_to_read, errors.UnitOfWorkError, "savepoint"),
    "without a connection": (lose_the_connection, errors.Error, ""),
    "without the table": (lose_the_table, errors.SchemaMismatch, "newest revision"),
    "after a refused end": (roll_the_connection_back, errors.UnitOfWorkError, "open another"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_each_method_raises_an_error_of_the_tree(
    things_database: Database[Work], situation: str
) -> None:
    prepare, kind, words = SITUATIONS[situation]
    for name, call in METHODS.items():
        with suppress(errors.Error):
            async with things_database.unit_of_work() as work:
                thing = await work.things.get_one(1)
                await prepare(work)
                with pytest.raises(Exception) as raised:  # noqa: PT011  # judged below
                    await call(work.things, thing)
                judge(raised.value, kind)
                assert words in str(raised.value), (name, str(raised.value))
                raise errors.Error("roll back")
    print(f"{situation}: {len(METHODS)} methods")


async def test_each_method_says_that_its_unit_of_work_has_ended(
    things_database: Database[Work],
) -> None:
    async with things_database.unit_of_work() as work:
        thing = await work.things.get_one(1)
    for name, call in METHODS.items():
        with pytest.raises(errors.UnitOfWorkError) as raised:
            await call(work.things, thing)
        judge(raised.value, errors.UnitOfWorkError)
        told = str(raised.value)
        assert "open another unit of work" in told or "not in this unit of work" in told, name


SYNC: list[Callable[[Session], object]] = [
    lambda session: session.begin_nested(),
    lambda session: session.bulk_save_objects([Thing(name="c")]),
    lambda session: session.bulk_insert_mappings(sa.inspect(Thing), [{"name": "c"}]),
    lambda session: session.bulk_update_mappings(sa.inspect(Thing), [{"id": 1, "name": "c"}]),
]


async def test_other_synchronous_methods_of_the_session_raise_the_same_errors(
    things_database: Database[Work],
) -> None:
    async with things_database.unit_of_work() as ended:
        await ended.things.count()
    for call in SYNC:
        with pytest.raises(errors.UnitOfWorkError, match="open another unit of work"):
            await ended.session.run_sync(call)
        with suppress(errors.UnitOfWorkError):
            async with things_database.unit_of_work() as work:
                await violate(work)
                with pytest.raises(errors.UnitOfWorkError, match="use savepoint"):
                    await work.session.run_sync(call)


async def select_text(things: Things, _: Thing) -> None:
    await things.session.execute("SELECT 1")  # type: ignore[call-overload]


async def read_after_the_end(things: Things, _: Thing) -> None:
    shelf = await things.session.get_one(Shelf, 1)
    things.session.expunge(shelf)
    shelf.things  # noqa: B018  # the mistake is to read the attribute


async def read_a_deleted_row(things: Things, thing: Thing) -> None:
    await things.session.execute(text("DELETE FROM fe_things"))
    things.session.expire(thing)
    await thing.awaitable_attrs.name


async def read_a_row_of_another_class(things: Things, _: Thing) -> None:
    things.session.add(Parcel(size=1))
    rows = sa.select(BigParcel).from_statement(sa.select(Parcel.__table__))
    (await things.session.scalars(rows)).all()


MISTAKES: dict[str, tuple[Call, type[errors.Error], str]] = {
    "text as a statement": (select_text, errors.UnitOfWorkError, "refused"),
    "an option of another model": (
        lambda things, thing: things.all(options=[selectinload(Shelf.things)]),
        errors.UnitOfWorkError,
        "refused",
    ),
    "an attribute after the end": (read_after_the_end, errors.UnitOfWorkError, "before the end"),
    "a row that is gone": (read_a_deleted_row, errors.StaleData, "deleted"),
    "a row of another class": (
        read_a_row_of_another_class,
        errors.UnitOfWorkError,
        "see its cause",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_of_the_program_raises_an_error_of_the_layer(
    things_database: Database[Work], mistake: str
) -> None:
    call, kind, words = MISTAKES[mistake]
    async with things_database.unit_of_work() as work:
        work.session.add(Shelf(id=1))
    with pytest.raises(errors.Error) as raised:
        async with things_database.unit_of_work() as work:
            await call(work.things, await work.things.get_one(1))
    judge(raised.value, kind)
    assert words in str(raised.value)


async def test_values_that_are_not_rows_are_refused(things_database: Database[Work]) -> None:
    for rows in ({"name": "c"}, ["c"], [("c",)]):
        with pytest.raises(TypeError, match="give a list or a generator of rows"):
            async with things_database.unit_of_work() as work:
                await work.things.insert_rows(rows)  # type: ignore[arg-type]


async def test_an_order_by_another_table_is_not_called_a_missing_migration(
    things_database: Database[Work],
) -> None:
    with pytest.raises(errors.DatabaseError, match="join that table") as raised:
        async with things_database.unit_of_work() as work:
            await work.things.all(order_by=[Shelf.id])

    assert not isinstance(raised.value, errors.SchemaMismatch)


async def test_a_copy_of_the_drivers_own_leaves_as_an_error_of_the_tree(
    things_database: Database[Work],
) -> None:
    async def copy(work: Work) -> None:
        connection = await work.session.connection()
        await work.things.count()
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.copy_records_to_table("fe_things", columns=["name"], records=[("a",)])

    with pytest.raises(errors.UniqueViolation) as raised:
        async with things_database.unit_of_work() as work:
            await copy(work)
    judge(raised.value, errors.UniqueViolation)
    async with things_database.unit_of_work() as work:
        with pytest.raises(errors.UniqueViolation):
            async with work.savepoint():
                await copy(work)
        assert await work.things.count() == 2


async def test_an_unloaded_relationship_is_told_and_an_option_loads_it(
    things_database: Database[Work],
) -> None:
    async with things_database.unit_of_work() as work:
        work.session.add(shelf := Shelf())
        await work.session.flush()
        await work.session.refresh(shelf, ["things"])
        options = [selectinload(Shelf.things)]
        assert (await work.session.get_one(Shelf, shelf.id, options=options)).things == []
