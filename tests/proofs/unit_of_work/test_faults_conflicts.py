"""Units of work that conflict: deadlocks, lost updates, write skew, full pools."""

import asyncio
from functools import partial

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import IsolationLevel, errors
from shop.models import Key
from shop.services.credits import InsufficientCredits, transfer
from shop.unit_of_work import UnitOfWork
from tests.proofs.support.faults import (
    SESSIONS,
    Tally,
    assert_whole,
    backend_of,
    credits_by_user,
    end,
    make_users,
    opened,
    wait_until,
)

LEVELS: list[IsolationLevel] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


class Meeting:
    """A place where tasks wait for each other in their first attempt, so that they always collide."""

    def __init__(self, number: int) -> None:
        self._barrier = asyncio.Barrier(number)
        self._were_here = set[asyncio.Task[object] | None]()

    async def meet(self) -> None:
        task = asyncio.current_task()
        if task not in self._were_here:
            self._were_here.add(task)
            await self._barrier.wait()


async def test_transfers_that_lock_in_the_wrong_order_both_succeed(
    fresh_database_url: URL, tally: Tally
) -> None:
    async with opened(fresh_database_url) as database:
        ada, bob = await make_users(database)
        meeting = Meeting(2)

        async def move(sender: Key, recipient: Key, uow: UnitOfWork) -> None:
            await uow.users.lock(sender)
            await meeting.meet()
            await transfer(uow, sender=sender, recipient=recipient, amount=30)

        tally.injected += 1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(tally.transact(database, partial(move, ada, bob)))
            tasks.create_task(tally.transact(database, partial(move, bob, ada)))

        assert tally == Tally(injected=1, committed=2, retried=1)
        assert list((await credits_by_user(database)).values()) == [100, 100]
        await assert_whole(database, 200)


@pytest.mark.parametrize("level", LEVELS)
async def test_an_update_of_unlocked_rows_is_lost_at_read_committed_only(
    fresh_database_url: URL, tally: Tally, level: IsolationLevel
) -> None:
    async with opened(fresh_database_url) as database:
        ada, bob = await make_users(database)
        meeting = Meeting(6)

        async def move_without_locks(uow: UnitOfWork) -> None:
            sender, recipient = await uow.users.get_one(ada), await uow.users.get_one(bob)
            await meeting.meet()
            sender.credits -= 10
            await uow.session.flush()
            recipient.credits += 10

        tally.injected += 6
        async with asyncio.TaskGroup() as tasks:
            for _ in range(6):
                tasks.create_task(
                    tally.transact(database, move_without_locks, attempts=20, isolation_level=level)
                )

        lost = level == "READ COMMITTED"
        left = 90 if lost else 40
        assert list((await credits_by_user(database)).values()) == [left, 200 - left]
        assert tally.committed == 6
        assert (tally.retried == 0) is lost
        await assert_whole(database, 200)


@pytest.mark.parametrize("level", LEVELS)
async def test_only_serializable_prevents_write_skew(
    fresh_database_url: URL, tally: Tally, level: IsolationLevel
) -> None:
    """Ada and Bob may each give away all credits, if the other one still has some."""
    async with opened(fresh_database_url) as database:
        ada, bob, eve, dan = await make_users(database, 4)
        meeting = Meeting(2)

        async def give(giver: Key, receiver: Key, uow: UnitOfWork) -> None:
            pair = {key: await uow.users.get_one(key) for key in (ada, bob)}
            await meeting.meet()
            if sum(user.credits for user in pair.values()) < 200:
                raise InsufficientCredits
            pair[giver].credits -= 100
            (await uow.users.get_one(receiver)).credits += 100

        tally.injected += 1
        results = await asyncio.gather(
            tally.transact(database, partial(give, ada, eve), isolation_level=level),
            tally.transact(database, partial(give, bob, dan), isolation_level=level),
            return_exceptions=True,
        )

        prevented = level == "SERIALIZABLE"
        balances = await credits_by_user(database)
        assert balances[ada] + balances[bob] == (100 if prevented else 0)
        refusals = [type(result) for result in results if result]
        assert refusals == ([InsufficientCredits] if prevented else [])
        assert tally.retried == (1 if prevented else 0)
        await assert_whole(database, 400)


async def test_after_a_lock_timeout_the_work_does_not_run_again(
    fresh_database_url: URL, tally: Tally
) -> None:
    async with opened(fresh_database_url, lock_timeout=0.05) as database:
        ada, bob = await make_users(database)
        move = partial(transfer, sender=ada, recipient=bob, amount=30)

        async with opened(fresh_database_url) as other, other.unit_of_work() as uow:
            await uow.users.lock(bob)
            tally.injected += 1
            with pytest.raises(errors.LockNotAvailable):
                await tally.transact(database, move)
        await tally.transact(database, move)

        assert tally == Tally(injected=1, committed=1, failed=1)
        await assert_whole(database, 200)


async def test_a_statement_timeout_rolls_back_the_earlier_statements(
    fresh_database_url: URL, tally: Tally
) -> None:
    async with opened(fresh_database_url, statement_timeout=0.3) as database:
        ada, bob = await make_users(database)

        async def move_and_sleep(uow: UnitOfWork) -> None:
            await transfer(uow, sender=ada, recipient=bob, amount=30)
            await uow.session.execute(text("SELECT pg_sleep(60)"))

        tally.injected += 1
        with pytest.raises(errors.QueryCanceled):
            await tally.transact(database, move_and_sleep)

        assert tally == Tally(injected=1, failed=1)
        assert list((await credits_by_user(database)).values()) == [100, 100]
        await assert_whole(database, 200)


async def test_the_server_ends_a_transaction_that_is_idle_for_too_long(
    fresh_database_url: URL, server: AsyncConnection, tally: Tally
) -> None:
    timeout = {"idle_in_transaction_session_timeout": 0.3}
    async with opened(fresh_database_url, pool_size=1, **timeout) as database:
        ada, bob = await make_users(database)
        await database.dispose()

        tally.injected += 1
        with pytest.raises(errors.ConnectionFailure):
            async with database.unit_of_work() as uow:
                await transfer(uow, sender=ada, recipient=bob, amount=30)
                await uow.session.flush()
                await wait_until(server, SESSIONS, 0)
        tally.failed += 1

        assert list((await credits_by_user(database)).values()) == [100, 100]
        await assert_whole(database, 200)


async def test_a_pool_works_again_after_all_connections_were_in_use(
    fresh_database_url: URL, tally: Tally
) -> None:
    async with opened(
        fresh_database_url, pool_size=2, max_overflow=1, pool_timeout=0.1
    ) as database:
        ada, bob = await make_users(database)
        move = partial(transfer, sender=ada, recipient=bob, amount=1)
        backends: asyncio.Queue[int] = asyncio.Queue()
        leave = asyncio.Event()

        async def occupy(uow: UnitOfWork) -> None:
            await backends.put(await backend_of(uow))
            await leave.wait()
            await move(uow)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(tally.transact(database, occupy))
            for _ in range(3):
                await backends.get()
            tally.injected += 5
            results = await asyncio.gather(
                *(tally.transact(database, move) for _ in range(5)), return_exceptions=True
            )
            leave.set()

        assert [type(result) for result in results] == [errors.PoolTimeout] * 5
        assert tally == Tally(injected=5, committed=3, failed=5)
        await assert_whole(database, 200)


async def test_a_pool_works_again_after_all_connections_were_lost(
    fresh_database_url: URL, server: AsyncConnection, tally: Tally
) -> None:
    async with opened(fresh_database_url, pool_size=2, max_overflow=0) as database:
        ada, bob = await make_users(database)

        async def lock_and_die(uow: UnitOfWork) -> None:
            backend = await backend_of(uow)
            await transfer(uow, sender=ada, recipient=bob, amount=1)
            await uow.session.flush()
            if tally.injected < 4:
                tally.injected += 1
                await end(server, backend)

        await asyncio.gather(
            *(tally.transact(database, lock_and_die, attempts=20) for _ in range(4))
        )

        assert tally.committed == 4
        assert list((await credits_by_user(database)).values()) == [96, 104]
        await assert_whole(database, 200)
