"""A unit of work sees what its isolation level allows, and changes nothing if it is read-only."""

import asyncio

import pytest
from sqlalchemy import text

from shop import db
from shop.db import Database, DatabaseSettings, IsolationLevel, errors
from tests.proofs.support.accounts import Account, Accounts, Work


async def level(bank: Database[Work], isolation: IsolationLevel | None = None) -> str:
    async with bank.unit_of_work(isolation_level=isolation) as work:
        return str(await work.session.scalar(text("SHOW transaction_isolation")))


async def test_each_level_applies_until_the_unit_of_work_ends(
    bank: Database[Work],
) -> None:
    for isolation in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
        assert await level(bank, isolation) == isolation.lower()
        assert await level(bank) == "read committed"  # on the same connection


async def test_a_repeatable_read_sees_one_snapshot(bank: Database[Work]) -> None:
    async def add() -> None:
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account(name="c"))

    async with bank.unit_of_work(isolation_level="REPEATABLE READ") as work:
        assert await work.accounts.count() == 2
        await asyncio.create_task(add())
        assert await work.accounts.count() == 2
    async with bank.unit_of_work() as work:
        assert await work.accounts.count() == 3


async def test_a_transaction_with_write_skew_runs_again(bank: Database[Work]) -> None:
    """Two transactions each rely on what the other one changes: only SERIALIZABLE notices it."""
    both_have_read = asyncio.Barrier(2)
    attempts = 0

    async def withdraw(name: str) -> None:
        first_attempt = True

        async def work(work: Work) -> None:
            nonlocal attempts, first_attempt
            attempts += 1
            accounts = await work.accounts.all(order_by=[Account.name])
            if first_attempt:
                first_attempt = False
                await both_have_read.wait()
            if sum(account.balance for account in accounts) >= 200:
                [own] = [account for account in accounts if account.name == name]
                await work.accounts.update(own, balance=own.balance - 100)

        await bank.transact(work, isolation_level="SERIALIZABLE")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(withdraw("a"))
        tasks.create_task(withdraw("b"))

    assert attempts == 3
    async with bank.unit_of_work() as work:
        assert sum(account.balance for account in await work.accounts.all()) == 100


async def test_a_read_only_unit_of_work_refuses_to_write_and_says_why(
    bank: Database[Work],
) -> None:
    with pytest.raises(errors.ReadOnlyTransaction, match="read-only") as error:
        async with bank.unit_of_work(read_only=True) as reads:
            await Accounts(reads.session).add(Account(name="c"))

    assert error.value.sqlstate == "25006"
    async with bank.unit_of_work() as work:  # on the same connection
        await work.accounts.add(Account(name="c"))


async def test_a_read_only_unit_of_work_has_the_class_that_the_database_was_given(
    proof_settings: DatabaseSettings,
) -> None:
    class Reads(db.ReadUnitOfWork):
        pass

    async with (
        Database(proof_settings, Work, Reads) as database,
        database.unit_of_work(read_only=True) as reads,
    ):
        assert isinstance(reads, Reads)


@pytest.mark.parametrize("pgbouncer", [False, True])
async def test_options_of_a_transaction_and_begin_hooks_work_together(
    proof_settings: DatabaseSettings, pgbouncer: bool
) -> None:
    settings = proof_settings.model_copy(update={"pgbouncer": pgbouncer})
    database = Database(settings, Work, begin_hooks=(lambda _: {"app.actor": "ada"},))
    async with (
        database,
        database.unit_of_work(isolation_level="SERIALIZABLE", read_only=True) as work,
    ):
        show = text(
            "SELECT current_setting('app.actor'), current_setting('transaction_isolation'),"
            " current_setting('transaction_read_only'), current_setting('statement_timeout')"
        )
        assert (await work.session.execute(show)).one() == ("ada", "serializable", "on", "30s")
