"""The layer in a FastAPI application: on the fixture `isolated`, and behind a real server."""

import asyncio

import httpx
import pytest
from sqlalchemy import URL, insert

from shop.db import errors
from shop.models import Key, Post
from shop.unit_of_work import Database
from tests.proofs.fastapi.sites import Site, in_this_task, served
from tests.proofs.support.faults import credits_by_user, opened

# Violations that only COMMIT reports.
UNIQUE_AT_COMMIT = (
    "ALTER TABLE posts ADD CONSTRAINT uq_posts_title UNIQUE (title) DEFERRABLE INITIALLY DEFERRED"
)
# The first COMMIT fails, and no other. The sequence counts them, because it is not rolled back.
CONFLICT_AT_COMMIT = (
    "CREATE SEQUENCE commits",
    "CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
    " IF nextval('commits') = 1 THEN RAISE SQLSTATE '40001'; END IF; RETURN NULL; END$$",
    "CREATE CONSTRAINT TRIGGER fail_once AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION fail_once()",
)


def is_a_problem(response: httpx.Response, status: int, *never: str) -> bool:
    """Return whether the answer is a problem, and shows neither SQL nor the client's values."""
    assert response.json()["status"] == response.status_code
    assert response.headers["content-type"] == "application/problem+json"
    for told in ("SELECT", "INSERT", "UPDATE", "COMMIT", *never):
        assert told not in response.text
    return response.status_code == status


async def test_a_commit_that_fails_becomes_an_error_response(site: Site) -> None:
    await site.execute(UNIQUE_AT_COMMIT)
    assert (await site.client.post(f"/posts/{site.users[0]}/secret")).status_code == 201

    again = await site.client.post(f"/posts/{site.users[0]}/secret")

    assert is_a_problem(again, 409, "secret", "uq_posts_title")
    assert await site.titles() == ["secret"]


async def test_the_default_scope_reports_success_although_the_commit_fails(
    served_site: Site,
) -> None:
    await served_site.execute(UNIQUE_AT_COMMIT)

    answers = [await served_site.client.post(f"/late/{served_site.users[0]}/a") for _ in range(2)]

    # The wrong recipe reports success.
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await served_site.titles() == ["a"]


async def test_a_request_that_a_handler_refuses_is_rolled_back(site: Site) -> None:
    assert (await site.client.post(f"/refused/{site.users[0]}/a")).status_code == 418

    assert await site.titles() == []


async def test_errors_are_problems_without_sql_and_values(site: Site) -> None:
    nobody, somebody = Key(int=1), str(site.users[0])

    assert is_a_problem(await site.client.get(f"/posts/{somebody}"), 404, somebody)
    assert is_a_problem(await site.client.get("/pages?cursor=forged"), 422, "forged")
    assert is_a_problem(await site.client.post(f"/posts/{nobody}/secret"), 409, "secret")
    too_much = await site.client.post("/moves", json=site.order(amount=5000))
    assert is_a_problem(too_much, 422, somebody)
    assert (await site.client.post("/moves", json=site.order())).status_code == 200


async def test_a_busy_database_is_a_temporary_problem(
    fresh_database_url: URL,
) -> None:
    small = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1, "lock_timeout": 0.1}
    async with served(fresh_database_url, **small) as site:
        async with site.database.unit_of_work() as uow:
            await uow.users.count()
            assert is_a_problem(await site.client.get(f"/posts/{site.users[0]}"), 503)
        other = opened(fresh_database_url, application_name="other")
        async with other as database, database.unit_of_work() as uow:
            await uow.users.lock(*site.users)
            assert is_a_problem(await site.client.post("/moves", json=site.order()), 503)
        assert (await site.client.post("/moves", json=site.order())).status_code == 200


async def test_a_get_is_read_only_and_a_change_in_it_is_a_mistake_of_the_program(
    site: Site,
) -> None:
    assert (await site.client.get(f"/changes/{site.users[0]}")).status_code == 500

    assert await site.titles() == []
    assert (await site.client.post(f"/posts/{site.users[0]}/a")).status_code == 201


@pytest.mark.parametrize("path", ["changes", "changes-by-work"])
async def test_the_error_of_a_get_that_changes_rows_says_what_to_write(
    isolated: Database, path: str
) -> None:
    async with in_this_task(isolated) as site:
        with pytest.raises((AttributeError, errors.ReadOnlyTransaction)) as caught:
            await site.client.get(f"/{path}/{site.users[0]}")

    assert "write @transaction_options(read_only=False)" in caught.value.__notes__[-1]


async def test_a_route_chooses_its_own_transaction(served_site: Site) -> None:
    answer = await served_site.client.get(f"/writes/{served_site.users[0]}")

    assert (answer.status_code, answer.json()) == (200, "serializable")
    assert await served_site.titles() == ["by a GET"]


async def test_hooks_and_background_tasks_see_the_committed_rows(site: Site) -> None:
    assert (await site.client.post(f"/posts/{site.users[0]}/a")).status_code == 201

    async with asyncio.timeout(10):
        noted = [await site.app.state.noted.get() for _ in range(2)]
    assert noted == [("after the commit", 1), ("in the background", 1)]
    assert (await site.client.post(f"/posts/{Key(int=1)}/b")).status_code == 409
    assert site.app.state.noted.empty()


async def test_the_info_of_a_transaction_reaches_its_session_and_its_begin_hook(
    begin_hook: None, site: Site
) -> None:
    assert (await site.client.get("/actor", headers={"x-actor": "ada"})).json() == ["ada", "ada"]
    assert (await site.client.get("/actor")).json() == ["nobody", "nobody"]


@pytest.mark.parametrize("path", ["/transactions", "/retried-moves"])
async def test_a_conflict_makes_all_of_the_unit_of_work_run_again(site: Site, path: str) -> None:
    ada, bob = site.users

    answer = await site.client.post(path, json=site.order(amount=10, faults=2))
    in_vain = await site.client.post(path, json=site.order(amount=10, faults=99))

    assert answer.json() == 3
    assert is_a_problem(in_vain, 503)
    assert await credits_by_user(site.database) == {ada: 990, bob: 1010}


@pytest.mark.parametrize("path", ["/transactions", "/retried-moves"])
async def test_a_commit_that_meets_a_conflict_makes_it_run_again_before_anything_is_sent(
    site: Site, path: str
) -> None:
    ada, bob = site.users
    await site.execute(*CONFLICT_AT_COMMIT)

    answer = await site.client.post(path, json=site.order(amount=10))

    assert (answer.status_code, answer.json()) == (200, 2)
    assert await credits_by_user(site.database) == {ada: 990, bob: 1010}


@pytest.mark.parametrize("path", ["/transactions", "/retried-moves"])
async def test_a_lost_connection_makes_it_run_again_on_another_one(
    served_site: Site, path: str
) -> None:
    order = served_site.order(amount=10, faults=2, fault="lost connection")

    assert (await served_site.client.post(path, json=order)).json() == 3

    assert list((await credits_by_user(served_site.database)).values()) == [990, 1010]


async def test_a_dependency_and_its_handler_are_one_task_which_has_one_unit_of_work(
    served_site: Site,
) -> None:
    order, tasks = served_site.order(), served_site.app.state.tasks
    for _ in range(2):  # all over one connection
        assert (await served_site.client.post("/moves", json=order)).status_code == 200
    first, second = tasks[:2], tasks[2:]
    assert len(set(first)) == len(set(second)) == 1
    assert set(first) != set(second)

    assert (await served_site.client.post("/nested-moves", json=order)).status_code == 500

    assert (await served_site.client.post("/moves", json=order)).status_code == 200


async def test_a_unit_of_work_that_is_open_around_a_request_is_named(isolated: Database) -> None:
    async with in_this_task(isolated) as site, isolated.unit_of_work() as uow:
        assert await uow.users.count() == 2
        with pytest.raises(errors.UnitOfWorkError) as caught:
            await site.client.get(f"/posts/{site.users[0]}")

    here = r"test_requests\.py:\d+ test_a_unit_of_work_that_is_open_around_a_request_is_named"
    assert caught.match(f"opened at .*{here}: .*end it before you send a request by httpx")


async def test_a_hundred_concurrent_requests_share_nothing(fresh_database_url: URL) -> None:
    async with served(fresh_database_url, pool_size=10, max_overflow=0) as site:
        ada, bob = site.users
        # Ten requests at a time wait for each other in the middle of their transactions.
        answers = await asyncio.gather(
            *(site.client.post("/moves?together", json=site.order()) for _ in range(100))
        )

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["transaction"] for answer in answers}) == 100
        assert len({answer.json()["backend"] for answer in answers}) == 10
        assert len(set(map(id, site.app.state.sessions))) == 100
        assert len(set(site.app.state.tasks)) == 100
        assert await credits_by_user(site.database) == {ada: 900, bob: 1100}


async def write_posts(site: Site, number: int) -> None:
    author = site.users[0]
    rows = [{"author_id": author, "title": str(n), "body": "x" * 1000} for n in range(number)]
    async with site.database.unit_of_work() as uow:
        await uow.session.execute(insert(Post), rows)


async def test_a_streamed_body_has_its_own_unit_of_work(site: Site) -> None:
    await write_posts(site, 5000)

    async with site.client.stream("GET", "/posts") as response:
        titles = {int(line.split()[0]) async for line in response.aiter_lines()}

    assert titles == set(range(5000))


async def test_the_pool_is_intact_after_a_client_left_in_the_middle_of_a_stream(
    served_site: Site,
) -> None:
    await write_posts(served_site, 20000)  # more than the buffers of the sockets can hold

    for _ in range(5):
        async with served_site.client.stream("GET", "/posts") as response:
            await anext(response.aiter_raw())
            assert served_site.app.state.database.engine.pool.checkedout() == 1
