"""Faults under load. Each response is true for its row, and each connection returns to the pool."""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.fastapi import schema_state
from tests.proofs.fastapi.sites import WAITING, Site, served
from tests.proofs.support.faults import opened, wait_until
from tests.proofs.support.restartable import Restartable
from tests.proofs.support.sampling import FULL

Record = Callable[[str, object], None]


async def names(site: Site) -> set[str]:
    async with site.database.unit_of_work(read_only=True) as reads:
        return {user.username for user in await reads.users.all()}


async def test_an_exhausted_pool_refuses_requests_and_loses_no_row(
    fresh_database_url: URL, server: AsyncConnection
) -> None:
    small = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 0.2}
    async with served(fresh_database_url, **small) as site:
        async with opened(fresh_database_url) as other, other.unit_of_work() as uow:
            await uow.session.execute(text("LOCK TABLE users IN SHARE MODE"))
            held = [asyncio.create_task(site.client.post(f"/users/held{n}")) for n in range(2)]
            await wait_until(server, WAITING, 2)
            refused = await asyncio.gather(
                *(site.client.post(f"/users/refused{n}") for n in range(30))
            )
        added = await asyncio.gather(*held)

        assert Counter(each.status_code for each in refused) == {503: 30}
        assert {each.headers["Retry-After"] for each in refused} == {"1"}
        assert [each.status_code for each in added] == [201, 201]
        assert (await site.client.post("/users/after")).status_code == 201
        there = await names(site)
        assert {"held0", "held1", "after"} <= there
        assert not [name for name in there if name.startswith("refused")]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_no_row_of_a_2xx_is_lost_if_the_database_restarts_under_load(
    restartable: Restartable,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Record,
    mode: str,
) -> None:
    monkeypatch.setattr(schema_state, "phase_of", lambda _: "contract")  # no revision is applied
    restarts, rows = (5, 100) if FULL else (1, 40)
    answers: dict[str, int] = {}
    committed, stop = asyncio.Queue[str](), asyncio.Event()

    async with served(restartable.url) as site:

        async def keep_adding(client: int) -> None:
            for number in count():
                if stop.is_set():
                    return
                name = f"client{client}_{number}"
                answers[name] = (await site.client.post(f"/users/{name}")).status_code
                if answers[name] == 201:
                    committed.put_nowait(name)

        async with asyncio.timeout(60), asyncio.TaskGroup() as clients:
            for client in range(20):
                clients.create_task(keep_adding(client))
            for restart in range(restarts + 1):
                if restart:
                    await restartable.restart(mode)
                    while not committed.empty():
                        committed.get_nowait()
                for _ in range(rows):
                    await committed.get()
            stop.set()

        there = await names(site)

    by_status = Counter(answers.values())
    record_property(f"answers while the database restarts, {mode}", dict(by_status))
    assert by_status.keys() <= {201, 500, 503}
    # A 500 is a COMMIT whose outcome is not known. Other responses are true.
    assert {name for name, status in answers.items() if status == 201} <= there
    assert not there & {name for name, status in answers.items() if status == 503}
