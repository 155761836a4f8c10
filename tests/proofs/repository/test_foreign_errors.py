"""Whatever goes wrong, each method of a repository raises an error of the tree.

Its sentence says what to do. Neither the sentence nor a logged traceback has SQL or a value.
"""

import datetime
import enum
import logging
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import ForeignKey, MetaData, String, text, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from shop import db
from shop.db import Database, DatabaseSettings, errors
from shop.db.mixins import bigint

SECRET = "s3" + "cr3t"  # the source lines of a traceback do not have it in one piece


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Color(enum.Enum):
    RED = "red"


class Shelf(bigint.PrimaryKey, Base):
    __tablename__ = "fe_shelves"

    things: Mapped[list["Thing"]] = relationship(lazy="raise_on_sql")


class Thing(bigint.PrimaryKey, Base):
    __tablename__ = "fe_things"

    name: Mapped[str] = mapped_column(unique=True)
    code: Mapped[str | None] = mapped_column(String(3))
    count: Mapped[int | None]
    token: Mapped[uuid.UUID | None]
    color: Mapped[Color | None]
    moment: Mapped[datetime.datetime | None]
    data: Mapped[dict[str, object] | None]
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("fe_shelves.id"), index=True)


class Things(db.Repository[Thing, int]):
    model = Thing


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.things = Things(session)


@pytest.fixture
async def world(proof_settings: DatabaseSettings) -> AsyncIterator[Database[Work]]:
    async with Database(proof_settings, Work) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.unit_of_work() as work:
            await work.things.add_many([Thing(name="a"), Thing(name="b")])
        yield database


Call = Callable[[Things, Thing], Awaitable[object]]


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


def judge(error: BaseException, *kinds: type[Exception]) -> None:
    """Fail unless the error is of these kinds, and tells neither SQL nor a value."""
    assert isinstance(error, kinds), repr(error)
    logged = "".join(traceback.format_exception(error))
    sentence = str(error)
    assert SECRET not in logged, logged
    assert "\n" not in sentence
    assert 2 < len(sentence.split()) <= 40, sentence
    assert not any(word in sentence for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "SQL:"))
    assert "[SQL:" not in logged, logged


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
    world: Database[Work], situation: str
) -> None:
    prepare, kind, words = SITUATIONS[situation]
    for name, call in METHODS.items():
        with suppress(errors.Error):
            async with world.unit_of_work() as work:
                thing = await work.things.get_one(1)
                await prepare(work)
                with pytest.raises(Exception) as raised:  # noqa: PT011  # judged below
                    await call(work.things, thing)
                judge(raised.value, kind)
                assert words in str(raised.value), (name, str(raised.value))
                raise errors.Error("roll back")
    print(f"{situation}: {len(METHODS)} methods")


async def test_each_method_says_that_its_unit_of_work_has_ended(world: Database[Work]) -> None:
    async with world.unit_of_work() as work:
        thing = await work.things.get_one(1)
    for name, call in METHODS.items():
        with pytest.raises(errors.UnitOfWorkError) as raised:
            await call(work.things, thing)
        judge(raised.value, errors.UnitOfWorkError)
        told = str(raised.value)
        assert "open another unit of work" in told or "not in this unit of work" in told, name


COMPARISONS = {"all", "delete_where"}

# Values that a column cannot hold.
BAD: dict[str, object] = {
    "code": SECRET,
    "count": SECRET,
    "token": SECRET,
    "color": SECRET,
    "moment": SECRET,
    "data": {SECRET: {1, 2}},
    "name": b"s3" + b"cr3t",
}


def calling(method: str, *arguments: Any, **options: Any) -> Call:
    def call(things: Things, thing: Thing) -> Awaitable[object]:
        called: Awaitable[object] = getattr(things, method)(*arguments, **options)
        return called

    return call


def writes_of(column: str, value: Any) -> Iterator[tuple[str, Call]]:
    row = {"name": "c", column: value}
    keyed = {"id": 1, column: value}
    yield "add", lambda things, thing: things.add(Thing(**row))
    yield "add_many", lambda things, thing: things.add_many([Thing(**row), Thing(name="d")])
    for count in (1, 1500):
        yield "insert_rows", calling("insert_rows", [row] * count)
        yield "upsert_rows", calling("upsert_rows", [row] * count, conflict_target=[Thing.name])
        yield "update_rows", calling("update_rows", [keyed] * count)
    yield "update", lambda things, thing: things.update(thing, **{column: value})
    yield "all", calling("all", getattr(Thing, column) == value)
    yield "delete_where", calling("delete_where", getattr(Thing, column) == value)


@pytest.mark.parametrize("column", BAD)
async def test_a_value_that_does_not_fit_is_told_without_the_value(
    world: Database[Work], column: str, caplog: pytest.LogCaptureFixture
) -> None:
    cases = 0
    for name, call in writes_of(column, BAD[column]):
        if name in COMPARISONS and column in {"code", "color"}:
            continue  # a comparison with another text is no error
        with suppress(errors.Error):
            async with world.unit_of_work() as work:
                thing = await work.things.get_one(1)
                with pytest.raises(Exception) as raised:  # noqa: PT011  # judged below
                    await call(work.things, thing)
                logging.getLogger("a program").error("it failed", exc_info=raised.value)
                judge(raised.value, errors.DatabaseError)
                cases += 1
                raise errors.Error("roll back")
    print(f"{column}: {cases} cases")
    assert cases >= 7
    assert SECRET not in caplog.text


NAIVE = datetime.datetime(2026, 1, 1, 12)  # noqa: DTZ001  # that is what is refused


@pytest.mark.parametrize("value", [NAIVE, NAIVE.date()])
async def test_a_time_without_its_zone_is_refused_wherever_it_is_written(
    world: Database[Work], value: object
) -> None:
    for name, call in writes_of("moment", value):
        if name in COMPARISONS and not isinstance(value, datetime.datetime):
            continue  # a date is compared as a date
        with suppress(errors.Error):
            async with world.unit_of_work() as work:
                thing = await work.things.get_one(1)
                with pytest.raises(errors.DataException, match="no time zone") as raised:
                    await call(work.things, thing)
                judge(raised.value, errors.DataException)
                raise errors.Error(name)


@pytest.mark.parametrize("moment", ["10000-01-01", "0044-03-15 BC"])
async def test_a_row_that_python_cannot_hold_is_told(world: Database[Work], moment: str) -> None:
    async with world.unit_of_work() as work:
        await work.session.execute(
            text("UPDATE fe_things SET moment = CAST(:moment AS text)::timestamptz"),
            {"moment": moment},
        )
    for name in ("get with a lock", "one_or_none", "all", "all_and_count", "paginate", "stream"):
        with suppress(errors.Error):
            async with world.unit_of_work() as work:
                with pytest.raises(errors.DataException) as raised:
                    await METHODS[name](work.things, Thing())
                judge(raised.value, errors.DataException)
                raise errors.Error(name)


async def test_an_order_by_another_table_is_not_called_a_missing_migration(
    world: Database[Work],
) -> None:
    with pytest.raises(errors.DatabaseError, match="join that table") as raised:
        async with world.unit_of_work() as work:
            await work.things.all(order_by=[Shelf.id])

    assert not isinstance(raised.value, errors.SchemaMismatch)


async def test_a_copy_of_the_drivers_own_leaves_as_an_error_of_the_tree(
    world: Database[Work],
) -> None:
    async def copy(work: Work) -> None:
        connection = await work.session.connection()
        await work.things.count()
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.copy_records_to_table("fe_things", columns=["name"], records=[("a",)])

    with pytest.raises(errors.UniqueViolation) as raised:
        async with world.unit_of_work() as work:
            await copy(work)
    judge(raised.value, errors.UniqueViolation)
    async with world.unit_of_work() as work:
        with pytest.raises(errors.UniqueViolation):
            async with work.savepoint():
                await copy(work)
        assert await work.things.count() == 2


async def test_an_unloaded_relationship_is_told_and_an_option_loads_it(
    world: Database[Work],
) -> None:
    async with world.unit_of_work() as work:
        work.session.add(shelf := Shelf())
        await work.session.flush()
        await work.session.refresh(shelf, ["things"])
        options = [selectinload(Shelf.things)]
        assert (await work.session.get_one(Shelf, shelf.id, options=options)).things == []
