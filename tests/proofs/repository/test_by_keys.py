"""Rows are read, changed and deleted by their primary keys."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import selectinload

from shop.db import UNSET, Database, IsolationLevel, errors, record_queries
from tests.proofs.support.accounts import Account, Seat, Work
from tests.proofs.support.pets import Person, Pet
from tests.proofs.support.pets import Work as PetWork


async def fill(bank: Database[Work], number: int) -> list[int]:
    """Add accounts, and return their keys in a random order."""
    async with bank.unit_of_work() as work:
        await work.accounts.insert_rows({"name": f"n{each}"} for each in range(number))
        keys = [*await work.session.scalars(select(Account.id))]
    random.shuffle(keys)
    return keys


async def test_rows_are_in_the_order_of_their_keys(bank: Database[Work]) -> None:
    keys = await fill(bank, 5000)  # more than one statement takes
    async with bank.unit_of_work() as work:
        given = (key for key in [*keys, keys[0]])
        found = await work.accounts.get_by_keys(given)

        assert [each.id for each in found] == [*keys, keys[0]]
        assert found[0] is found[-1]
        assert await work.accounts.get_by_keys([]) == []


async def test_a_missing_key_is_not_found(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        with (
            record_queries(bank.engine) as queries,
            pytest.raises(errors.NotFound, match="there is no Account with this key"),
        ):
            await work.accounts.get_by_keys([1, *range(100, 200), 2])
        assert len(queries) <= 2


async def test_composite_keys(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        await work.seats.add_many(Seat(hall="A", number=n, guest=f"g{n}") for n in range(3))
        found = await work.seats.get_by_keys([("A", 2), ("A", 0)])
        assert [each.guest for each in found] == ["g2", "g0"]
        assert await work.seats.update_by_keys([("A", 1), ("B", 1)], guest="Ada") == 1
        assert [each.guest for each in await work.seats.get_by_keys([("A", 1)])] == ["Ada"]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
async def test_twenty_tasks_lock_the_same_rows_in_different_orders(
    bank: Database[Work], level: IsolationLevel
) -> None:
    keys = await fill(bank, 30)

    async def add(work: Work) -> None:
        mine = random.sample(keys, len(keys))
        for each in await work.accounts.get_by_keys(mine, with_for_update=True):
            each.balance += 1

    attempts = 1 if level == "READ COMMITTED" else 100
    options: Any = {"attempts": attempts, "isolation_level": level}
    await asyncio.gather(*(bank.transact(add, **options) for _ in range(20)))

    async with bank.unit_of_work() as work:
        balances = {each.balance for each in await work.accounts.get_by_keys(keys)}
        assert balances == {20, 120}


async def test_rows_are_changed_by_their_keys(bank: Database[Work]) -> None:
    keys = await fill(bank, 5000)
    async with bank.unit_of_work() as work:
        account = await work.accounts.get_one(1)
        assert await work.accounts.update_by_keys([*keys, 0], balance=7, name=UNSET) == len(keys)
        assert (account.balance, account.name) == (7, "a")
        assert await work.accounts.update_by_keys([], balance=8) == 0
        assert await work.accounts.count(Account.balance == 7) == len(keys)
        twice = [1, *keys, 1]  # in two statements
        assert await work.accounts.update_by_keys(twice, balance=Account.balance + 1) == len(keys)
        assert account.balance == 8


async def test_a_row_is_read_again_if_the_caller_says_so(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        account = await work.accounts.get_one(1)
        past = {"synchronize_session": False}  # the session does not see the change
        await work.session.execute(update(Account).values(balance=1), execution_options=past)
        assert (await work.accounts.get_one(1)).balance == 100
        assert (await work.accounts.get_by_keys([1]))[0].balance == 100
        assert (await work.accounts.get_one(1, populate_existing=True)) is account
        assert account.balance == 1

        await work.session.execute(update(Account).values(balance=2), execution_options=past)
        account.name = "changed"  # it is flushed, not lost
        await work.accounts.all(populate_existing=True)
        assert (account.balance, account.name) == (2, "changed")


async def test_relationships_are_read_again(hidden: Database[PetWork]) -> None:
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        pets = [selectinload(Person.pets)]
        await work.people.get_one(person.id, options=pets)
        before = len(person.pets)
        await work.session.execute(insert(Pet).values(name="new", person_id=person.id))
        await work.people.get_one(person.id, options=pets)
        assert len(person.pets) == before
        await work.people.get_one(person.id, options=pets, populate_existing=True)
        assert len(person.pets) == before + 1
