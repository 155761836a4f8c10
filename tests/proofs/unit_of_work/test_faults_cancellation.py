"""A cancellation at each await of a unit of work, from the connect to the end of COMMIT."""

import asyncio
import contextlib
import gc
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest
from sqlalchemy import URL

from shop.db import errors
from shop.models import Key
from shop.services.credits import InsufficientCredits, transfer
from shop.unit_of_work import UnitOfWork
from tests.proofs.support.faults import (
    Shop,
    Tally,
    Work,
    assert_whole,
    credits_by_user,
    make_users,
    opened,
)
from tests.proofs.support.sampling import PART, numbers

Ending = Callable[[Shop, Work], Coroutine[Any, Any, None]]

# A function that cancels the task. The task waits for a future, or for None if it only yields.
Cancel = Callable[["asyncio.Task[Any]", "asyncio.Future[Any] | None"], object]


def at_once(task: "asyncio.Task[Any]", future: "asyncio.Future[Any] | None") -> None:
    """Cancel while it waits, so that nobody takes the answer."""
    task.cancel()


def with_the_answer(task: "asyncio.Task[Any]", future: "asyncio.Future[Any] | None") -> None:
    """Cancel after the answer came, and before the task sees it, so that the answer is lost."""
    if future is None:
        task.cancel()
    else:
        future.add_done_callback(lambda _: task.cancel())


class CancelledAt(Awaitable[None]):
    """Await a coroutine, and cancel the task at the n-th suspension of the coroutine.

    Attributes:
        cancelled: whether the coroutine had so many suspensions.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], number: int, cancel: Cancel) -> None:
        self._coroutine, self._number, self._cancel = coroutine, number, cancel
        self.cancelled = False

    def __await__(self) -> Generator[Any, Any, None]:
        task = asyncio.current_task()
        assert task is not None
        thrown: BaseException | None = None
        for suspension in itertools.count(1):
            try:
                future = self._coroutine.throw(thrown) if thrown else self._coroutine.send(None)
            except StopIteration:
                return
            if suspension == self._number:
                self.cancelled = True
                self._cancel(task, future)
            thrown = None
            try:
                yield future
            except BaseException as error:  # errors of the event loop go to the coroutine
                thrown = error


async def commits(database: Shop, work: Work) -> None:
    async with database.unit_of_work() as uow:
        await work(uow)


async def commits_with_retries(database: Shop, work: Work) -> None:
    await database.transact(work)


async def rolls_back(database: Shop, work: Work) -> None:
    with contextlib.suppress(InsufficientCredits):
        async with database.unit_of_work() as uow:
            await work(uow)
            await uow.session.flush()
            raise InsufficientCredits


@pytest.mark.parametrize("ending", [commits, commits_with_retries, rolls_back])
@pytest.mark.parametrize("cancel", [at_once, with_the_answer])
async def test_a_cancellation_at_any_await_with_an_open_connection_is_all_or_nothing(
    fresh_database_url: URL, tally: Tally, cancel: Cancel, ending: Ending
) -> None:
    async with (
        opened(fresh_database_url, application_name="other") as other,
        opened(fresh_database_url, pool_size=1, max_overflow=0) as database,
    ):
        ada, bob = await make_users(other)
        for number in numbers(8):
            await credits_by_user(database)
            stepped = CancelledAt(ending(database, move(ada, bob)), number, cancel)
            if not await is_cancelled(stepped, other, tally):
                break
            await assert_whole(database, 200)

    assert (
        tally.injected > 8 // PART
    )  # at least these: begin, two savepoints, two statements, commit


@pytest.mark.parametrize("cancel", [at_once, with_the_answer])
async def test_a_cancellation_at_any_await_with_a_new_connection_is_all_or_nothing(
    fresh_database_url: URL, tally: Tally, cancel: Cancel
) -> None:
    async with opened(fresh_database_url, application_name="other") as other:
        ada, bob = await make_users(other)
        for number in numbers(16):
            async with opened(fresh_database_url, pool_size=1, max_overflow=0) as database:
                stepped = CancelledAt(commits(database, move(ada, bob)), number, cancel)
                if not await is_cancelled(stepped, other, tally):
                    break
                await assert_whole(database, 200)

    assert tally.injected > 16 // PART


def move(sender: Key, recipient: Key) -> Work:
    async def move(uow: UnitOfWork) -> None:
        async with uow.savepoint():
            await transfer(uow, sender=sender, recipient=recipient, amount=1)

    return move


async def is_cancelled(stepped: CancelledAt, other: Shop, tally: Tally) -> bool:
    """Run the coroutine in a task, and check that the moved credits agree with its outcome."""

    async def awaiting() -> None:
        await stepped

    before = await credits_by_user(other)
    outcome = (await asyncio.gather(awaiting(), return_exceptions=True))[0]
    moved = await credits_by_user(other) != before
    if not stepped.cancelled:
        tally.committed += moved
        assert outcome is None
        return False
    tally.injected += 1
    if isinstance(outcome, errors.CommitUnknown):
        tally.unknown += 1
    else:
        tally.failed += 1
        assert isinstance(outcome, asyncio.CancelledError)
        assert not moved  # otherwise the outcome would be unknown
    # A coroutine that was not awaited, or a connection that was not given back, now causes a warning.
    gc.collect()
    return True


async def test_a_task_that_is_cancelled_while_it_waits_for_a_connection_takes_none(
    fresh_database_url: URL, tally: Tally
) -> None:
    async with opened(fresh_database_url, pool_size=1, max_overflow=0) as database:
        ada, bob = await make_users(database)
        async with database.unit_of_work() as uow:
            await uow.users.lock(ada)
            waiting = [
                asyncio.create_task(tally.transact(database, move(ada, bob))) for _ in range(10)
            ]
            for task in waiting[::2]:
                await asyncio.sleep(0)  # the task begins to wait
                tally.injected += 1
                task.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)

        assert [type(each) for each in results[::2]] == [asyncio.CancelledError] * 5
        assert tally == Tally(injected=5, committed=5)
        assert list((await credits_by_user(database)).values()) == [95, 105]
        await assert_whole(database, 200)
