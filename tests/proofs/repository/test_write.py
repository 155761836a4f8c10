"""Repositories: all kinds of keys, loading, locking, and the statements that the server gets."""

import asyncio
import datetime
from decimal import Decimal
from itertools import product

import pytest
from sqlalchemy import event, inspect, select
from sqlalchemy.orm import defer, undefer

from shop.db import Database, errors
from tests.proofs.support.accounts import Account, Owner, Random, Seat, Sorted, Work, names


async def test_a_composite_key_is_a_tuple(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        seat = await work.seats.add(Seat(hall="A", number=7, guest="Ada"))

        assert await work.seats.get(("A", 7)) is seat
        assert await work.seats.get(("A", 8)) is None
        assert repr(seat) == "Seat(hall='A', number=7)"


async def test_the_application_creates_keys_that_are_uuids(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        rows: list[Sorted | Random] = [Sorted(), Sorted(), Random()]
        for row in rows:
            work.session.add(row)
            await work.session.flush()

    first, second, third = (row.id for row in rows)
    assert (first.version, second.version, third.version) == (7, 7, 4)
    assert first < second


async def test_one_or_none_refuses_several_rows(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        with pytest.raises(errors.MultipleFound):
            await work.accounts.one_or_none(Account.balance == 100)


async def test_a_misspelt_attribute_is_refused_before_anything_changes(
    bank: Database[Work],
) -> None:
    async with bank.unit_of_work() as work:
        [account, _] = await work.accounts.all(order_by=[Account.id])
        with pytest.raises(TypeError, match="Account has no column balanse"):
            await work.accounts.update(account, balance=1, balanse=2)

        assert account.balance == 100


async def test_an_update_of_a_row_outside_of_the_session_is_refused(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        account = await work.accounts.one_or_none(Account.name == "a")
        assert account is not None

    async with bank.unit_of_work() as work:
        with pytest.raises(errors.UnitOfWorkError, match="is not in this unit of work"):
            await work.accounts.update(account, balance=1)
        with pytest.raises(errors.UnitOfWorkError):
            await work.accounts.update(Account(name="new"), balance=1)


async def test_none_in_a_json_column_is_null(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        account = await work.accounts.add(Account(name="c", details={"a": 1}))
        await work.accounts.update(account, details=None)

        assert await work.accounts.count(Account.details.is_(None)) == 3


async def test_a_value_that_was_changed_in_place_is_written(bank: Database[Work]) -> None:
    details: dict[str, object] = {"a": {"b": 1}}
    async with bank.unit_of_work() as work:
        account = await work.accounts.add(Account(name="c", details=details))
        details["a"] = {"b": 2}
        await work.accounts.update(account, details=details)
        await work.session.refresh(account)

        assert account.details == {"a": {"b": 2}}


async def test_loader_options_apply_to_a_row_that_the_session_knows(
    bank: Database[Work],
) -> None:
    async with bank.unit_of_work() as work:
        await work.seats.add(Seat(hall="A", number=7, guest="Ada"))
        work.session.expunge_all()
        seat = await work.seats.get_one(("A", 7), options=[defer(Seat.guest)])
        assert "guest" not in seat.__dict__

        assert await work.seats.get_one(("A", 7), options=[undefer(Seat.guest)]) is seat
        assert "guest" in seat.__dict__


async def test_a_row_that_the_session_knows_costs_no_query(bank: Database[Work]) -> None:
    statements = record_queries(bank)
    async with bank.unit_of_work() as work:
        [account, _] = await work.accounts.all(order_by=[Account.id])
        assert await work.accounts.get(account.id) is account
        assert await work.accounts.get_one(account.id) is account

    assert len(statements) == 1


async def test_many_rows_are_inserted_by_one_statement(bank: Database[Work]) -> None:
    statements = record_queries(bank)
    async with bank.unit_of_work() as work:
        await work.accounts.add_many(Account(name=f"many {number}") for number in range(500))

    assert len(statements) == 1


async def test_locked_rows_are_read_again(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        [account, _] = await work.accounts.all(order_by=[Account.id])
        await asyncio.create_task(set_balance(bank, account.id, 7))
        assert account.balance == 100

        assert await work.accounts.get(account.id, with_for_update=True) is account
        assert account.balance == 7
        await asyncio.create_task(expect_locked(bank))


async def test_many_locked_rows_are_read_again_too(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        [account, _] = await work.accounts.all(order_by=[Account.id])
        await asyncio.create_task(set_balance(bank, account.id, 7))

        await work.accounts.all(order_by=[Account.id], with_for_update=True)
        assert account.balance == 7


async def test_all_accepts_a_limit_and_an_offset(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        found = await work.accounts.all(order_by=[Account.name], limit=1, offset=1)

    assert [account.name for account in found] == ["b"]


async def test_a_change_moves_updated_at_and_leaves_it_loaded(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        [account, _] = await work.accounts.all(order_by=[Account.id])
        created = account.created_at
        await work.accounts.update(account, balance=1)

        # Without eager_defaults this attribute would be expired, and raise MissingGreenlet.
        assert account.updated_at > created
        assert account.created_at == created


async def test_values_of_the_mapped_types_come_back_as_they_were(bank: Database[Work]) -> None:
    details: dict[str, object] = {"tags": ["a", "é"], "depth": {"of": 2}, "none": None}
    async with bank.unit_of_work() as work:
        await work.accounts.add(
            Account(
                name="c", balance=2**40, price=Decimal("12345678901234567890.0123"), details=details
            )
        )

    async with bank.unit_of_work() as work:
        account = await work.accounts.one_or_none(Account.name == "c")
    assert account is not None
    assert (account.balance, account.price) == (2**40, Decimal("12345678901234567890.0123"))
    assert account.details == details
    assert account.created_at.tzinfo is not None
    assert abs(account.created_at - datetime.datetime.now(datetime.UTC)).total_seconds() < 60


async def test_a_repr_shows_what_is_loaded_and_no_secret(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        account = await work.accounts.add(Account(name="c", secret="s3cr3t"))
        assert repr(account) == f"Account(id={account.id}, name='c')"

        work.session.expire(account)
        assert repr(account) == "Account()"
        assert repr(Account(name="d")) == "Account(name='d')"
        assert inspect(account).expired_attributes  # it loaded nothing


async def test_a_deleted_row_is_gone(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        [account, _] = await work.accounts.all(order_by=[Account.id])
        await work.accounts.delete(account)

        assert not await work.accounts.exists(Account.id == account.id)
        assert await work.accounts.count(Account.balance > 0) == 1


def record_queries(database: Database[Work]) -> list[str]:
    statements: list[str] = []
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda *args: statements.append(args[2]),
    )
    return statements


async def set_balance(database: Database[Work], key: int, balance: int) -> None:
    async with database.unit_of_work() as work:
        await work.accounts.update(await work.accounts.get_one(key), balance=balance)


async def expect_locked(database: Database[Work]) -> None:
    with pytest.raises(errors.LockNotAvailable):
        async with database.unit_of_work() as work:
            await work.session.execute(select(Account).with_for_update(nowait=True))


async def test_a_repository_writes_many_rows_after_pending_entities(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        owner = Owner()
        work.session.add(owner)
        await work.session.flush()
        work.session.add(Account(name="pending", balance=1))

        rows = [{"name": f"many {number}", "owner_id": owner.id} for number in range(3)]
        assert await work.accounts.insert_rows(rows) == 3
        again = [{"name": "pending", "balance": 2}, {"name": "new", "balance": 3}]
        assert await work.accounts.upsert_rows(again, conflict_target=[Account.name]) == 2
        found = await work.accounts.all(Account.balance.in_([2, 3]), order_by=[Account.name])
        changes = [{"id": account.id, "balance": 9} for account in found]
        assert await work.accounts.update_rows(changes) == 2
        assert 9 not in {account.balance for account in found}  # they are not read again

    assert await names(bank) == ["a", "b", "pending", "many 0", "many 1", "many 2", "new"]


async def test_an_upsert_returns_the_row_as_it_is_now(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        [known, _] = await work.accounts.all(order_by=[Account.id])
        row = {"name": "a", "balance": 5}

        assert await work.accounts.upsert(row, conflict_target="uq_accounts_name") is known
        assert known.balance == 5
        assert await work.accounts.upsert(row, conflict_target=[Account.name], update=()) is None


async def test_an_upsert_reads_no_row_again(bank: Database[Work]) -> None:
    statements = record_queries(bank)
    async with bank.unit_of_work() as work:
        for name, update in product("ac", [None, ()]):
            row = {"name": name, "balance": 5}
            await work.accounts.upsert(row, conflict_target=[Account.name], update=update)

    assert len(statements) > 4
    assert not [each for each in statements if each.startswith("SELECT")]
