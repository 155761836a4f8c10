"""Many tasks read a list page by page while others change it."""

import asyncio
from typing import Any

from shop.db import Database
from tests.proofs.support.accounts import Account, Work

STAYING = {f"stays {number}" for number in range(120)}


async def test_twenty_tasks_lose_and_repeat_no_row_of_a_list_that_changes(
    bank: Database[Work],
) -> None:
    async with bank.unit_of_work() as work:
        await work.accounts.insert_rows({"name": n, "balance": len(n)} for n in sorted(STAYING))
    readers = [asyncio.create_task(read(bank, limit)) for limit in range(7, 17)]
    writers = [asyncio.create_task(change(bank, number, readers)) for number in range(10)]
    walks = await asyncio.gather(*readers)
    changes = await asyncio.gather(*writers)

    for names in [walk for both in walks for walk in both]:
        assert len(set(names)) == len(names)
        assert set(names) >= STAYING
    print(f"{sum(changes)} changes while {len(walks)} tasks read")
    assert sum(changes) > 0


async def read(bank: Database[Work], limit: int) -> tuple[list[str], list[str]]:
    """Read all pages, and then back to the first one. Return the names that both ways met."""
    forward, back, cursor = list[str](), list[str](), None
    order = [Account.balance.desc(), Account.name]
    while True:
        async with bank.unit_of_work() as work:
            page = await work.accounts.paginate(order_by=order, limit=limit, cursor=cursor)
        forward += [each.name for each in page.items]
        if page.next is None:
            break
        cursor = page.next
    back, cursor = [each.name for each in page.items], page.previous
    while cursor is not None:
        async with bank.unit_of_work() as work:
            page = await work.accounts.paginate(order_by=order, limit=limit, cursor=cursor)
        back += [each.name for each in page.items]
        cursor = page.previous
    return forward, back


async def change(bank: Database[Work], number: int, readers: list[asyncio.Task[Any]]) -> int:
    """Delete rows and insert others, at both ends and in between, until all readers are done."""
    changes = 0
    while not all(each.done() for each in readers):
        async with bank.unit_of_work() as work:
            await work.accounts.delete_where(Account.name.startswith(f"goes {number} "))
            await work.accounts.insert_rows(
                {"name": f"goes {number} {changes} {place}", "balance": place}
                for place in (0, 7, 8, 9, 100)
            )
        changes += 1
    return changes
