"""Timestamps come from the server. After every kind of write they are correct and can be read."""

import datetime
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import MetaData, func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped

from shop import db
from shop.db import Database, DatabaseSettings, UnitOfWork, errors
from shop.db.mixins import Timestamps, bigint


class ClockBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Memo(bigint.PrimaryKey, Timestamps, ClockBase):
    __tablename__ = "memos"

    title: Mapped[str]


class Memos(db.Repository[Memo, int]):
    model = Memo


@pytest.fixture
async def clock(proof_settings: DatabaseSettings) -> AsyncIterator[Database[UnitOfWork]]:
    """A database with one committed memo, "old"."""
    async with Database(proof_settings, UnitOfWork) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(ClockBase.metadata.create_all)
        async with database.unit_of_work() as uow:
            await Memos(uow.session).add(Memo(title="old"))
        yield database


async def old(uow: UnitOfWork) -> Memo:
    [memo] = await Memos(uow.session).all(Memo.title == "old")
    return memo


async def begin(uow: UnitOfWork) -> datetime.datetime:
    """Return `now()` of this transaction."""
    return (await uow.session.scalars(select(func.now()))).one()


async def changed(database: Database[UnitOfWork]) -> Memo:
    """Return the committed memo."""
    async with database.unit_of_work() as uow:
        return (await Memos(uow.session).all(order_by=[Memo.id]))[0]


async def test_a_new_row_has_both_timestamps_with_a_time_zone(clock: Database[UnitOfWork]) -> None:
    async with clock.unit_of_work() as uow:
        memo = await Memos(uow.session).add(Memo(title="new"))
        assert memo.created_at == memo.updated_at == await begin(uow)
    assert memo.created_at.utcoffset() is not None


@pytest.mark.parametrize("way", ["add_many", "a bulk insert", "Core"])
async def test_many_new_rows_have_both_timestamps(clock: Database[UnitOfWork], way: str) -> None:
    rows = [{"title": f"{number}"} for number in range(3)]
    async with clock.unit_of_work() as uow:
        if way == "add_many":
            memos = await Memos(uow.session).add_many(Memo(**row) for row in rows)
            assert all(memo.updated_at for memo in memos)
        else:
            target = Memo if way == "a bulk insert" else ClockBase.metadata.tables["memos"]
            await uow.session.execute(insert(target), rows)
        now = await begin(uow)
        assert await Memos(uow.session).count(Memo.created_at == now, Memo.updated_at == now) == 3


@pytest.mark.parametrize("way", ["a flush", "update().where()", "rows by key", "Core"])
async def test_a_change_moves_only_updated_at(clock: Database[UnitOfWork], way: str) -> None:
    before = await changed(clock)
    async with clock.unit_of_work() as uow:
        now = await begin(uow)
        values: dict[str, object] = {"title": "new"}
        if way == "a flush":
            await Memos(uow.session).update(await old(uow), **values)
        elif way == "rows by key":
            await uow.session.execute(update(Memo), [values | {"id": before.id}])
        elif way == "Core":
            await uow.session.execute(update(ClockBase.metadata.tables["memos"]).values(values))
        else:
            await uow.session.execute(update(Memo).where(Memo.title == "old").values(values))

    after = await changed(clock)
    assert after.updated_at == now > before.updated_at
    assert (after.created_at, after.title) == (before.created_at, "new")


async def test_a_flush_that_changes_nothing_does_not_move_updated_at(
    clock: Database[UnitOfWork],
) -> None:
    before = await changed(clock)
    async with clock.unit_of_work() as uow:
        await Memos(uow.session).update(await old(uow), title="old")

    assert (await changed(clock)).updated_at == before.updated_at


async def test_after_a_flush_updated_at_can_be_read(clock: Database[UnitOfWork]) -> None:
    async with clock.unit_of_work() as uow:
        memo = await Memos(uow.session).update(await old(uow), title="new")
        # An expired attribute would raise an error.
        assert memo.updated_at == await begin(uow)


async def test_after_an_update_statement_an_entity_must_be_refreshed(
    clock: Database[UnitOfWork],
) -> None:
    async with clock.unit_of_work() as uow:
        memo = await old(uow)
        await uow.session.execute(update(Memo).values(title="new"))
        with pytest.raises(errors.UnitOfWorkError, match="not loaded"):
            print(memo.updated_at)
        await uow.session.refresh(memo)
        assert memo.updated_at == await begin(uow)


async def test_an_update_that_returns_entities_needs_no_refresh(
    clock: Database[UnitOfWork],
) -> None:
    async with clock.unit_of_work() as uow:
        memo = await old(uow)
        statement = update(Memo).values(title="new").returning(Memo)
        await uow.session.scalars(statement.execution_options(populate_existing=True))
        assert memo.updated_at == await begin(uow)


async def test_all_rows_of_one_transaction_have_the_same_time(clock: Database[UnitOfWork]) -> None:
    async with clock.unit_of_work() as uow:
        first = await Memos(uow.session).add(Memo(title="first"))
        second = await Memos(uow.session).add(Memo(title="second"))
        await Memos(uow.session).update(first, title="first again")

    assert first.updated_at == first.created_at == second.created_at
