"""Rows are read and changed by their keys, in each state that their entity has in the session."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from shop.db import Database, errors
from tests.proofs.support.accounts import Account, Work

State = Callable[[Work, Account], Awaitable[object]]


async def known(_: Work, __: Account) -> None:
    """Leave the entity in the session, as it was read."""


async def expired(work: Work, account: Account) -> None:
    work.session.expire(account)


async def partly_expired(work: Work, account: Account) -> None:
    work.session.expire(account, ["balance"])


async def expunged(work: Work, account: Account) -> None:
    work.session.expunge(account)


async def changed(_: Work, account: Account) -> None:
    account.balance = 7


async def deleted(work: Work, account: Account) -> None:
    await work.session.delete(account)


async def flushed_as_deleted(work: Work, account: Account) -> None:
    await work.accounts.delete(account)


async def deleted_by_key(work: Work, account: Account) -> None:
    await work.accounts.delete_by_keys([account.id])


async def deleted_by_sql(work: Work, _: Account) -> None:
    await work.session.execute(text("DELETE FROM accounts WHERE name = 'a'"))


async def added(work: Work, account: Account) -> None:
    await work.accounts.delete(account)
    work.session.add(Account(id=account.id, name="a", balance=7))


async def rolled_back(work: Work, account: Account) -> None:
    with pytest.raises(ZeroDivisionError):
        async with work.savepoint():
            await work.accounts.delete(account)
            raise ZeroDivisionError


STATES: dict[State, int | None] = {
    known: 100,
    expired: 100,
    partly_expired: 100,
    expunged: 100,
    changed: 7,
    deleted: None,
    flushed_as_deleted: None,
    deleted_by_key: None,
    deleted_by_sql: None,
    added: 7,
    rolled_back: 100,
}
"""The balance of the row afterwards, or None if it is gone."""

WAYS: list[Any] = [{}, {"populate_existing": True}, {"with_for_update": True}]


async def test_each_state_and_each_way_to_read_or_change_a_row(bank: Database[Work]) -> None:
    cells = 0
    for state, balance in STATES.items():
        for way in range(len(WAYS) + 3):
            with pytest.raises(ArithmeticError):
                async with bank.unit_of_work() as work:
                    account = await work.accounts.get_one(1)
                    await state(work, account)
                    await use(work, balance, way)
                    raise ArithmeticError  # nothing is committed
            cells += 1
    print(f"{cells} cells: {len(STATES)} states, {len(WAYS) + 3} ways")


async def use(work: Work, balance: int | None, way: int) -> None:
    """Read or change the row with the key 1, and compare it."""
    rows = work.accounts
    entity: Account | None
    if way < len(WAYS):
        if balance is None:
            with pytest.raises(errors.NotFound):
                await rows.get_by_keys([2, 1], **WAYS[way])
            return
        [_, entity] = await rows.get_by_keys([2, 1], **WAYS[way])
    elif way == len(WAYS):
        assert await rows.update_by_keys([1, 2], room=None, price=3) == 2 - (balance is None)
        entity = await rows.one_or_none(Account.id == 1)
        assert entity is None or entity.price == 3
    elif way == len(WAYS) + 1:
        row = {"name": "a", "balance": 0}
        assert await rows.insert_missing_rows([row], conflict_target=["name"]) == (balance is None)
        entity = await rows.one_or_none(Account.name == "a")
        balance = balance or 0
    else:
        row = {"name": "a", "balance": 0}
        [entity] = await rows.get_or_add_rows([row], conflict_target=["name"])
        balance = balance or 0
    assert (entity and entity.balance) == balance
