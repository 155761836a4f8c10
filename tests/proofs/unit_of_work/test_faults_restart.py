"""A server that restarts between units of work, or while many of them run."""

import asyncio
import random
from collections import Counter

import pytest

from shop.db import errors
from shop.models import Post
from shop.services.credits import transfer
from shop.unit_of_work import UnitOfWork
from tests.proofs.support.faults import (
    Shop,
    Tally,
    assert_whole,
    backend_of,
    credits_by_user,
    make_users,
    opened,
    use_all_of,
)
from tests.proofs.support.restartable import Restartable


async def test_the_ping_notices_a_restart_between_units_of_work(
    restartable: Restartable, tally: Tally
) -> None:
    async with opened(restartable.url, pool_ping_after_idle=0) as database:
        await make_users(database)
        await use_all_of(database)
        await restartable.restart("fast")
        tally.injected += 1

        for _ in range(database.settings.pool_size):
            async with database.unit_of_work() as uow:  # and it is not tried again
                await backend_of(uow)
            tally.committed += 1

        await assert_whole(database, 200)


async def test_a_restart_between_units_of_work_without_a_ping_costs_one_more_run(
    restartable: Restartable, tally: Tally
) -> None:
    async with opened(restartable.url, pool_ping_after_idle=3600) as database:
        ada, bob = await make_users(database)
        await use_all_of(database)

        await restartable.restart("fast")
        tally.injected += 1
        with pytest.raises(errors.ConnectionFailure):
            async with database.unit_of_work() as uow:
                await backend_of(uow)
        tally.failed += 1

        await use_all_of(database)
        await restartable.restart("immediate")
        tally.injected += 1
        await tally.transact(
            database, lambda uow: transfer(uow, sender=ada, recipient=bob, amount=30)
        )

        assert tally == Tally(injected=2, committed=1, retried=1, failed=1)
        await assert_whole(database, 200)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_during_many_transfers_loses_none_and_repeats_none(
    restartable: Restartable, tally: Tally, mode: str
) -> None:
    chance = random.Random(mode)  # noqa: S311  # so that each run is the same
    async with opened(restartable.url) as database:
        keys = await make_users(database, 6, 1000)
        done, unknown = set[str](), set[str]()
        enough = asyncio.Event()

        async def move(number: int) -> None:
            """A transfer that also adds a post. The posts show which transfers were committed."""
            sender, recipient = chance.sample(keys, 2)
            title = f"{number}: {keys.index(sender)} to {keys.index(recipient)}"

            async def work(uow: UnitOfWork) -> None:
                await transfer(uow, sender=sender, recipient=recipient, amount=1)
                await uow.posts.add(Post(author_id=sender, title=title, body=""))

            try:
                await tally.transact(database, work, attempts=20)
                done.add(title)
            except errors.CommitUnknown:
                unknown.add(title)
            if len(done) >= 50:
                enough.set()

        async def mover(numbers: range) -> None:
            for number in numbers:
                await move(number)

        async with asyncio.TaskGroup() as movers:
            for first in range(20):
                movers.create_task(mover(range(first, 300, 20)))
            await enough.wait()
            await restartable.restart(mode)
            tally.injected += 1

        assert (tally.committed, tally.unknown, tally.failed) == (len(done), len(unknown), 0)
        assert len(done) + len(unknown) == 300
        assert tally.retried > 0
        titles = await titles_of(database)
        assert max(titles.values()) == 1
        assert done <= titles.keys() <= done | unknown
        assert list((await credits_by_user(database)).values()) == expected(titles, 6, 1000)
        await assert_whole(database, 6000)


async def titles_of(database: Shop) -> Counter[str]:
    async with database.unit_of_work() as uow:
        return Counter(post.title for post in await uow.posts.all())


def expected(titles: Counter[str], number: int, credits_each: int) -> list[int]:
    """Return the credits of users after the transfers with these titles."""
    balances = [credits_each] * number
    for title in titles:
        _, sender, _, recipient = title.split()
        balances[int(sender)] -= 1
        balances[int(recipient)] += 1
    return balances
