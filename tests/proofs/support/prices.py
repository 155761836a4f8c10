"""The same test with each fixture. `test_isolated_price.py` compares their times."""

import pytest

from shop.unit_of_work import Database, UnitOfWork
from tests.factories import UserFactory
from tests.proofs.support.sampling import FULL

each = pytest.mark.parametrize("number", range(30 if FULL else 10))


async def work(uow: UnitOfWork) -> None:
    user = await uow.users.add(UserFactory.build())
    assert await uow.users.count() == 1
    assert await uow.users.by_username(user.username) is user


@each
async def test_with_uow(number: int, uow: UnitOfWork) -> None:
    await work(uow)


@each
async def test_with_isolated(number: int, isolated: Database) -> None:
    async with isolated.unit_of_work() as uow:
        await work(uow)


@each
async def test_with_database(number: int, database: Database) -> None:
    async with database.unit_of_work() as uow:
        await work(uow)
