"""A server that became a standby refuses changes. The next connections lead to the new primary."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import Database, errors
from tests.proofs.support.accounts import Account, Accounts, Work, names
from tests.proofs.support.faults import make_standby


async def add(work: Work) -> None:
    await work.accounts.add(Account(name="c"))


async def add_in_the_last_flush(work: Work) -> None:
    await work.accounts.count()
    work.session.add(Account(name="c"))


async def copy(work: Work) -> None:
    await work.accounts.insert_rows([{"name": "c"}])


async def use_three(bank: Database[Work], change: Callable[[Work, int], Awaitable[object]]) -> None:
    """Run three units of work at the same time, with a connection for each."""
    everybody = asyncio.Barrier(3)

    async def use(number: int) -> None:
        async with bank.unit_of_work() as work:
            await work.accounts.count()
            await everybody.wait()
            await change(work, number)

    await asyncio.gather(*map(use, range(3)))


@pytest.mark.parametrize("change", [add, add_in_the_last_flush, copy])
async def test_work_runs_again_on_a_new_connection(
    bank: Database[Work], server: AsyncConnection, change: Callable[[Work], Awaitable[None]]
) -> None:
    await make_standby(server, True)
    await bank.dispose()
    await use_three(bank, lambda work, _: work.accounts.count())  # the pool keeps these connections
    await make_standby(server, False)
    runs = 0

    async def count_and_change(work: Work) -> None:
        nonlocal runs
        runs += 1
        await change(work)

    await bank.transact(count_and_change)

    assert runs == 2
    # All connections are new: none of these fails.
    await use_three(bank, lambda work, number: work.accounts.add(Account(name=f"d{number}")))
    assert sorted(await names(bank)) == ["a", "b", "c", "d0", "d1", "d2"]
    assert bank.pool is not None
    assert bank.pool.opened - bank.pool.closed <= 3


async def test_only_a_unit_of_work_that_is_read_only_makes_it_a_mistake_of_the_program(
    bank: Database[Work], server: AsyncConnection
) -> None:
    await make_standby(server, True)
    await bank.dispose()

    with pytest.raises(errors.ConnectionFailure, match="the server is read-only") as refused:
        await bank.transact(add, attempts=2)
    with pytest.raises(errors.ReadOnlyTransaction):
        async with bank.unit_of_work(read_only=True) as reads:
            await Accounts(reads.session).add(Account(name="c"))

    assert refused.value.sqlstate == "25006"
    assert isinstance(refused.value.__cause__, errors.ReadOnlyTransaction)
    assert await names(bank) == ["a", "b"]  # reads work
