"""A unit of work sees what its isolation allows, and changes nothing when it is read-only."""

import asyncio

import pytest
from sqlalchemy import text

from shop.db import Database, DatabaseSettings, Isolation, errors
from tests.proofs.tables import Account, Work


async def level(bank: Database[Work], isolation: Isolation | None = None) -> str:
    async with bank.unit_of_work(isolation=isolation) as work:
        return str(await work.session.scalar(text("SHOW transaction_isolation")))


async def test_each_level_is_what_was_asked_for_and_ends_with_the_unit_of_work(
    bank: Database[Work],
) -> None:
    for isolation in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
        assert await level(bank, isolation) == isolation.lower()
        assert await level(bank) == "read committed"  # on the same connection


async def test_a_repeatable_read_sees_one_moment(bank: Database[Work]) -> None:
    async def add() -> None:
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account(name="c"))

    async with bank.unit_of_work(isolation="REPEATABLE READ") as work:
        assert await work.accounts.count() == 2
        await asyncio.create_task(add())
        assert await work.accounts.count() == 2
    async with bank.unit_of_work() as work:
        assert await work.accounts.count() == 3


async def test_write_skew_is_run_again(bank: Database[Work]) -> None:
    """Two who each leave the other one in charge: only SERIALIZABLE sees it."""
    both_have_read = asyncio.Barrier(2)
    attempts = 0

    async def withdraw(name: str) -> None:
        first_attempt = True

        async def work(work: Work) -> None:
            nonlocal attempts, first_attempt
            attempts += 1
            accounts = await work.accounts.get_many(order_by=[Account.name])
            if first_attempt:
                first_attempt = False
                await both_have_read.wait()
            if sum(account.balance for account in accounts) >= 200:
                [own] = [account for account in accounts if account.name == name]
                await work.accounts.update(own, balance=own.balance - 100)

        await bank.transact(work, isolation="SERIALIZABLE")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(withdraw("a"))
        tasks.create_task(withdraw("b"))

    assert attempts == 3
    async with bank.unit_of_work() as work:
        assert sum(account.balance for account in await work.accounts.get_many()) == 100


async def test_a_read_only_unit_of_work_refuses_to_write_and_says_why(
    bank: Database[Work],
) -> None:
    with pytest.raises(errors.ReadOnlyTransaction, match="read-only") as error:
        async with bank.unit_of_work(read_only=True) as work:
            await work.accounts.add(Account(name="c"))

    assert error.value.sqlstate == "25006"
    with pytest.raises(errors.ReadOnlyTransaction):
        await bank.transact(lambda work: work.accounts.add(Account(name="c")), read_only=True)
    async with bank.unit_of_work() as work:  # on the same connection
        await work.accounts.add(Account(name="c"))


@pytest.mark.parametrize("pgbouncer", [False, True])
async def test_it_holds_with_begin_hooks_too(
    proof_settings: DatabaseSettings, pgbouncer: bool
) -> None:
    settings = proof_settings.model_copy(update={"pgbouncer": pgbouncer})
    database = Database(settings, Work, begin_hooks=(lambda _: {"app.actor": "ada"},))
    async with database, database.unit_of_work(isolation="SERIALIZABLE", read_only=True) as work:
        show = text(
            "SELECT current_setting('app.actor'), current_setting('transaction_isolation'),"
            " current_setting('transaction_read_only'), current_setting('statement_timeout')"
        )
        assert (await work.session.execute(show)).one() == ("ada", "serializable", "on", "30s")
