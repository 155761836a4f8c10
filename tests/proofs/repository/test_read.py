"""Rows are locked, counted and streamed."""

import asyncio
import contextlib

import pytest
from sqlalchemy import ForeignKey, event, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

from shop import db
from shop.db import Database, RowLock, errors
from tests.proofs.support.accounts import Account, Accounts, Owner, Seat, Work, names


async def test_nowait_refuses_a_locked_row_and_skip_locked_leaves_it_out(
    bank: Database[Work],
) -> None:
    async def look(lock: RowLock) -> list[str]:
        async with bank.unit_of_work() as work:
            found = await work.accounts.all(order_by=[Account.id], with_for_update=lock)
            return [account.name for account in found]

    async with bank.unit_of_work() as work:
        [first, _] = await work.accounts.all(order_by=[Account.id])
        await work.accounts.get(first.id, with_for_update=True)

        with pytest.raises(errors.LockNotAvailable):
            await asyncio.create_task(look({"nowait": True}))
        assert await asyncio.create_task(look({"skip_locked": True})) == ["b"]


async def test_skip_locked_leaves_out_a_single_row_too(bank: Database[Work]) -> None:
    async def look(key: int) -> Account | None:
        async with bank.unit_of_work() as work:
            return await work.accounts.get(key, with_for_update={"skip_locked": True})

    async with bank.unit_of_work() as work:
        [first, second] = await work.accounts.all(order_by=[Account.id])
        await work.accounts.get_one(first.id, with_for_update={})

        assert await asyncio.create_task(look(first.id)) is None
        assert await asyncio.create_task(look(second.id)) is not None


async def test_two_transactions_can_share_a_weak_lock(bank: Database[Work]) -> None:
    async def share(key: int) -> Account:
        async with bank.unit_of_work() as work:
            return await work.accounts.get_one(key, with_for_update={"read": True, "nowait": True})

    async with bank.unit_of_work() as work:
        [first, _] = await work.accounts.all(order_by=[Account.id])
        await work.accounts.get(first.id, with_for_update={"read": True})

        assert (await asyncio.create_task(share(first.id))).id == first.id


async def test_only_rows_of_the_model_are_locked_when_others_are_joined(
    bank: Database[Work],
) -> None:
    # PostgreSQL refuses FOR UPDATE on both sides of an outer join.
    async with bank.unit_of_work() as work:
        statement = select(Account).outerjoin(Owner, Owner.id == Account.owner_id)
        with pytest.raises(errors.DatabaseError):
            async with work.savepoint():
                await work.session.execute(statement.with_for_update())

        found = await work.accounts.all(
            Account.id.in_(select(Account.id)), with_for_update=True, limit=1
        )
        assert len(found) == 1


async def test_the_key_of_a_composite_primary_key_is_a_tuple(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        await work.seats.add_many(
            Seat(hall=hall, number=number, guest=f"{hall}{number}")
            for hall in "AB"
            for number in range(3)
        )

        assert await work.seats.delete_by_keys([("A", 0), ("B", 2), ("C", 1)]) == 2
        assert await work.seats.get(("A", 0)) is None
        seat = await work.seats.get_one(("A", 2), with_for_update=True)
        assert seat.guest == "A2"


async def test_a_page_has_the_count_of_all_rows(bank: Database[Work]) -> None:
    statements: list[str] = []
    event.listen(
        bank.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cu, statement, *_: statements.append(statement),
    )

    async def page(offset: int, limit: int) -> tuple[int, int]:
        async with bank.unit_of_work() as work:
            rows, total = await work.accounts.all_and_count(
                Account.balance >= 0, order_by=[Account.id], limit=limit, offset=offset
            )
            return len(rows), total

    async with bank.unit_of_work() as work:
        await work.accounts.add_many(Account(name=f"more {n}", balance=1) for n in range(5))
        await work.accounts.add(Account(name="none", balance=0))

    assert await page(0, 3) == (3, 8)
    assert await page(6, 3) == (2, 8)
    assert await page(9, 3) == (0, 8)  # after the last row, where count(*) OVER () gives nothing
    assert await page(5, 3) == (3, 8)
    assert [sum("count(" in each for each in statements)] == [3]  # the last page needs no count


async def test_an_empty_page_has_the_count_0(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        rows, total = await work.accounts.all_and_count(
            Account.balance < 0, order_by=[Account.id], limit=10
        )

    assert (list(rows), total) == ([], 0)


class Library(DeclarativeBase):
    """Owners and accounts again, with a relationship that the models of other proofs do not have."""


class Shelf(Library):
    __tablename__ = "owners"

    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list["Book"]] = relationship(lazy="raise", order_by="Book.id")


class Book(Library):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owners.id"))


class Shelves(db.Repository[Shelf, int]):
    model = Shelf


async def test_a_limit_counts_rows_and_not_joined_rows(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        owners = [Owner(), Owner(), Owner()]
        work.session.add_all(owners)
        await work.session.flush()
        await work.accounts.add_many(
            Account(name=f"{owner.id}.{n}", owner_id=owner.id) for owner in owners for n in range(3)
        )
    async with bank.unit_of_work() as work:
        shelves = Shelves(work.session)
        load = [joinedload(Shelf.books)]
        found = await shelves.all(order_by=[Shelf.id], limit=2, options=load)

        assert [len(shelf.books) for shelf in found] == [3, 3]
        one = await shelves.get_one(owners[2].id, options=load)
        assert len(one.books) == 3


async def test_the_only_row_is_the_only_one_whatever_a_join_repeats(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        first, second = Owner(), Owner()
        work.session.add_all([first, second])
        await work.session.flush()
        await work.accounts.add_many(
            Account(name=f"{owner.id}.{n}", owner_id=owner.id)
            for owner in (first, second)
            for n in range(3)
        )
    async with bank.unit_of_work() as work:
        shelves = Shelves(work.session)
        joined, load = Shelf.id == Book.owner_id, [joinedload(Shelf.books)]
        with pytest.raises(errors.MultipleFound):
            await shelves.one_or_none(joined)
        with pytest.raises(errors.MultipleFound):
            await shelves.one_or_none(joined, with_for_update=True)
        for criteria, options in [([joined], []), ([], load), ([joined], load)]:
            shelf = await shelves.one_or_none(Shelf.id == second.id, *criteria, options=options)
            assert shelf is not None
            assert shelf.id == second.id
        assert await shelves.one_or_none(joined, Shelf.id == 0) is None


async def many_accounts(bank: Database[Work], count: int) -> None:
    async with bank.unit_of_work() as work:
        await work.accounts.add_many(Account(name=f"{n:05}", balance=n) for n in range(count))


async def test_rows_are_streamed_in_partitions(bank: Database[Work]) -> None:
    await many_accounts(bank, 250)

    async with (
        bank.unit_of_work() as work,
        work.accounts.stream(
            Account.name.like("0%"), order_by=[Account.name], yield_per=100
        ) as partitions,
    ):
        sizes, seen = [], []
        async for partition in partitions:
            sizes.append(len(partition))
            seen += [account.name for account in partition]

    assert sizes == [100, 100, 50]
    assert seen == [f"{n:05}" for n in range(250)]


@pytest.mark.parametrize("how", ["break", "raise", "cancel"])
async def test_a_stream_that_is_left_early_leaves_nothing_open(
    bank: Database[Work], how: str
) -> None:
    await many_accounts(bank, 250)

    async def leave(work: Work) -> None:
        async with work.accounts.stream(yield_per=10) as partitions:
            async for _ in partitions:
                if how == "raise":
                    raise ZeroDivisionError
                if how == "cancel":
                    raise asyncio.CancelledError
                break

    async with bank.unit_of_work() as work:
        with contextlib.suppress(ZeroDivisionError, asyncio.CancelledError):
            await leave(work)
        assert await work.accounts.count() == 252
    async with bank.unit_of_work() as work:
        # The only cursor is that of this query.
        assert await work.session.scalar(text("SELECT count(*) FROM pg_cursors")) == 1

    assert bank.engine.sync_engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # QueuePool


async def test_a_commit_in_the_middle_of_a_stream_is_an_error(bank: Database[Work]) -> None:
    await many_accounts(bank, 50)

    with pytest.raises(errors.UnitOfWorkError, match="only its unit of work"):
        async with (
            bank.unit_of_work() as work,
            work.accounts.stream(yield_per=10) as partitions,
        ):
            async for _ in partitions:
                await work.session.commit()


async def test_a_collection_that_is_joined_cannot_be_streamed(bank: Database[Work]) -> None:
    with pytest.raises(errors.UnitOfWorkError, match="selectinload"):
        async with (
            bank.unit_of_work() as work,
            Shelves(work.session).stream(options=[joinedload(Shelf.books)]) as partitions,
        ):
            async for _ in partitions:
                pass


async def test_rows_are_deleted_by_criteria(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        [first, _] = await work.accounts.all(order_by=[Account.id])
        assert await work.accounts.delete_where(Account.name == "a") == 1
        assert first not in work.session
        with pytest.raises(TypeError, match="true"):
            await work.accounts.delete_where()

    assert await names(bank) == ["b"]


async def test_any_number_of_rows_is_deleted_by_key(bank: Database[Work]) -> None:
    await many_accounts(bank, 10)
    async with bank.unit_of_work() as work:
        accounts = Accounts(work.session)
        keys = [account.id for account in await accounts.all()]

        # A statement can have 32767 parameters, and these are more.
        assert await accounts.delete_by_keys([*keys, *range(10**6, 10**6 + 40_000)]) == 12
        assert await accounts.delete_by_keys([]) == 0


async def test_an_unset_attribute_is_not_written(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        account = await work.accounts.add(Account(name="c", secret="s", room=7))
        await work.accounts.update(account, secret=None, room=db.UNSET)

        assert (account.secret, account.room) == (None, 7)
        assert not db.UNSET


async def test_an_empty_list_of_keys_means_no_rows(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        assert await work.accounts.all(Account.id.in_([])) == []


async def test_a_repository_serves_any_declarative_model(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        shelf = await Shelves(work.session).add(Shelf())  # its base class is not ours
        assert await Shelves(work.session).get(shelf.id) is shelf
