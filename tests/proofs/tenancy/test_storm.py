"""Four tenants work at the same time over a pool of one or two connections, and everything goes wrong.

A tenant that meets another one is found: immediately by the reader, or at the end in the database.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.errors import DatabaseError
from shop.db.tenancy import Tenant, TenantError, tenant_scope
from tests.proofs.support.pgbouncer import pgbouncer
from tests.proofs.support.sampling import FULL
from tests.proofs.tenancy.operations import (
    FAULTS,
    NOBODY,
    QUIET,
    Actor,
    Operation,
    ask_again,
    assert_nobody_met,
    assert_reveals_nothing,
)
from tests.proofs.tenancy.tables import TENANTS, Shop, UnitOfWork, rows, shop_on

OPERATIONS = 100_000 if FULL else 2_000


@pytest.mark.parametrize(("size", "through"), [(1, None), (2, None), (2, pgbouncer)])
async def test_no_tenant_meets_another_in_a_storm(
    shop_url: URL,
    owner: AsyncConnection,
    size: int,
    through: Callable[[URL], AbstractContextManager[URL]] | None,
    record_property: Callable[[str, object], None],
) -> None:
    tried: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    pool = {"pool_size": size, "max_overflow": 0, "pool_timeout": 60, "pgbouncer": bool(through)}

    with through(shop_url) if through else nullcontext(shop_url) as url:
        async with shop_on(url, **pool) as shop:
            workers = [work(shop, number, tried, ended) for number in range(8)]
            await asyncio.gather(*workers)

    await assert_nobody_met(owner)
    assert await rows(owner, "SELECT 1 FROM customers")
    assert {each.__name__ for each in QUIET} <= tried.keys()
    assert ended["done"] > OPERATIONS / 30  # most units of work have about four operations
    if FULL:  # a sample may leave a fault out
        assert {each.__name__ for each in FAULTS} <= tried.keys()
        assert min(ended["ConnectionFailure"], ended["NoTenant"], ended["TimeoutError"]) > 0
    for name, times in sorted((tried + ended).items()):
        behind = " behind PgBouncer" if through else ""
        record_property(f"storm of tenants, pool of {size}{behind}: {name}", times)


async def work(shop: Shop, seed: int, tried: Counter[str], ended: Counter[str]) -> None:
    """Do an eighth of a third of the operations, in units of work of a few each."""
    dice = random.Random(f"{seed} {random.random()}")  # noqa: S311  # no secret
    left = OPERATIONS // 3 // 8
    while left > 0:
        tenant = dice.choice([*TENANTS, *TENANTS, None])
        chosen = plan(dice, tenant)
        left -= len(chosen)
        tried.update(each.__name__ for each in chosen)
        ended[await unit(shop, tenant, chosen, dice)] += 1


def plan(dice: random.Random, tenant: Tenant | None) -> list[Operation]:
    """Choose the operations of one unit of work. A fault comes last."""
    if tenant is None:
        return [dice.choice(NOBODY)]
    faults = [dice.choice(FAULTS)] if dice.random() < 0.2 else []
    return [*dice.choices(QUIET, k=dice.randint(1, 6)), *faults]


async def unit(
    shop: Shop, tenant: Tenant | None, chosen: list[Operation], dice: random.Random
) -> str:
    """Run the operations in one transaction, and return how it ended."""
    by_scope = dice.random() < 0.5
    attempts = 0

    async def once(uow: UnitOfWork) -> None:
        nonlocal attempts
        attempts += 1
        actor = Actor(uow, tenant, dice)
        for each in chosen:
            if each is not ask_again or attempts < 2:
                await each(actor)

    try:
        if tenant and by_scope:
            with tenant_scope(tenant):
                await shop.transact(once, attempts=2)
        else:
            await shop.transact(once, attempts=2, info=tenant or ())
    except (DatabaseError, TenantError, TimeoutError, ZeroDivisionError) as error:
        raised = error
    else:
        return "done"
    assert_reveals_nothing(raised)
    return type(raised).__name__
