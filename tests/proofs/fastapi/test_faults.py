"""Requests that fail in the middle. Each gets the right status, and leaves no change and no connection."""

import asyncio

import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import errors
from tests.db.fastapi.fixtures import client_of
from tests.proofs.fastapi.sites import TOTAL, WAITING, Site, served
from tests.proofs.support.faults import (
    assert_whole,
    credits_by_user,
    make_standby,
    wait_until,
)


async def test_a_lost_session_gives_a_503_and_the_next_request_works(
    served_site: Site,
) -> None:
    lost = await served_site.client.post("/lost-moves", json=served_site.order(amount=10))

    assert (lost.status_code, lost.headers["Retry-After"]) == (503, "1")
    assert lost.json()["detail"] == errors.ConnectionFailure.summary
    assert list((await credits_by_user(served_site.database)).values()) == [TOTAL // 2] * 2
    assert (await served_site.client.post("/moves", json=served_site.order())).status_code == 200


async def test_a_standby_gives_a_503_to_changes_until_the_next_connection_leads_to_a_primary(
    served_site: Site, server: AsyncConnection
) -> None:
    order = served_site.order()
    await make_standby(server, True)
    await served_site.database.dispose()

    refused = await served_site.client.post("/moves", json=order)
    mistake = await served_site.client.get(f"/changes/{served_site.users[0]}")
    await make_standby(server, False)
    again = await served_site.client.post("/retried-moves", json=order)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json()["detail"] == errors.ConnectionFailure.summary
    assert mistake.status_code == 500
    assert (again.status_code, again.json()) == (200, 2)


async def test_twenty_clients_with_one_name_make_one_user_and_nineteen_conflicts(
    served_site: Site,
) -> None:
    answers = await asyncio.gather(
        *(served_site.client.post("/users/ada") for _ in range(20)),
    )

    assert sorted(each.status_code for each in answers) == [201] + [409] * 19
    for each in answers:
        assert each.status_code == 201 or each.json()["errors"].keys() == {"username"}


async def test_twenty_transfers_in_both_directions_keep_the_sum(served_site: Site) -> None:
    ada, bob = map(str, served_site.users)
    orders = [{"sender": ada, "recipient": bob}, {"sender": bob, "recipient": ada}] * 10

    answers = await asyncio.gather(
        *(served_site.client.post("/retried-moves", json=order) for order in orders)
    )

    assert {each.status_code for each in answers} == {200}
    assert list((await credits_by_user(served_site.database)).values()) == [TOTAL // 2] * 2


async def test_a_request_that_is_cancelled_is_rolled_back(
    fresh_database_url: URL, server: AsyncConnection
) -> None:
    async with served(fresh_database_url) as site:
        # The request runs in a task of the test, so that the test can cancel it.
        async with client_of(site.app) as client, site.database.unit_of_work() as uow:
            await uow.users.lock(*site.users)
            request = asyncio.create_task(client.post("/moves", json=site.order(amount=10)))
            await wait_until(server, WAITING, 1)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
        await assert_whole(site.database, TOTAL)
        assert list((await credits_by_user(site.database)).values()) == [TOTAL // 2] * 2
        assert not site.app.state.running


async def test_a_connection_returns_to_the_pool_if_the_client_disconnects(
    fresh_database_url: URL, server: AsyncConnection
) -> None:
    async with served(fresh_database_url) as site:
        async with site.database.unit_of_work() as uow:
            await uow.users.lock(*site.users)
            request = asyncio.create_task(site.client.post("/moves", json=site.order(amount=10)))
            await wait_until(server, WAITING, 1)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
        await wait_until(server, WAITING, 0)
        # At its end `served` checks that no connection is left. The transfer is complete, or not done.
        assert sorted((await credits_by_user(site.database)).values()) in (
            [TOTAL // 2] * 2,
            [TOTAL // 2 - 10, TOTAL // 2 + 10],
        )
