"""Two hundred transfers at the same time, fifty times: the sum is right, and no balance is negative."""

import asyncio
import random
from functools import partial

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.services.credits import InsufficientCredits, transfer
from tests.proofs.support.faults import Tally, assert_whole, credits_by_user, make_users, opened
from tests.proofs.support.sampling import sampled

RUNS, TRANSFERS, USERS, CREDITS_EACH = 50, 200, 5, 100


async def test_many_concurrent_transfers_keep_the_sum_and_overdraw_nobody(
    fresh_database_url: URL, tally: Tally, server: AsyncConnection
) -> None:
    pool = {"pool_size": 10, "max_overflow": 0, "pool_timeout": 60}
    runs = sampled(range(RUNS))
    async with opened(fresh_database_url, **pool) as database:
        keys = await make_users(database, USERS, CREDITS_EACH)
        expected = dict.fromkeys(keys, CREDITS_EACH)
        for run in runs:
            chance = random.Random(run)  # noqa: S311  # the same transfers each time
            moves = [(chance.sample(keys, 2), chance.randint(1, 120)) for _ in range(TRANSFERS)]

            results = await asyncio.gather(
                *(
                    tally.transact(
                        database, partial(transfer, sender=giver, recipient=taker, amount=amount)
                    )
                    for (giver, taker), amount in moves
                ),
                return_exceptions=True,
            )

            for ((giver, taker), amount), refused in zip(moves, results, strict=True):
                if refused is None:
                    expected[giver] -= amount
                    expected[taker] += amount
                else:
                    assert type(refused) is InsufficientCredits
            balances = await credits_by_user(database)
            assert balances == expected
            assert min(balances.values()) >= 0
            assert sum(balances.values()) == USERS * CREDITS_EACH
        tally.injected = len(runs) * TRANSFERS

        assert tally.committed + tally.failed == tally.injected
        assert min(tally.committed, tally.failed) > len(runs)  # both occurred more than once
        await assert_whole(database, USERS * CREDITS_EACH)
    # Transactions that lock rows in one order do not deadlock. A busy machine may still refuse a
    # connection, and then the work runs again.
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await server.scalar(text(deadlocks)) == 0
