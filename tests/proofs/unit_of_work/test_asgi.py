"""The layer in a FastAPI application, with a real server and a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import URL, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import DatabaseSettings
from shop.models import Key, Post
from tests.proofs.support.asgi_app import application
from tests.proofs.support.faults import assert_whole, credits_by_user, make_users, opened

# Violations that only COMMIT reports.
UNIQUE_AT_COMMIT = (
    "ALTER TABLE posts ADD CONSTRAINT uq_posts_title UNIQUE (title) DEFERRABLE INITIALLY DEFERRED"
)


@asynccontextmanager
async def served(url: URL, **values: Any) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The application, and a client of it."""
    app = application(DatabaseSettings(_env_file=None, url=url, **values))
    listener = socket.create_server(("127.0.0.1", 0))  # clients can connect now
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client:
            await client.get("/docs")  # it answers when the application has started
            yield app, client
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def users(fresh_database_url: URL) -> list[Key]:
    async with opened(fresh_database_url) as database:
        return await make_users(database, 2, 1000)


async def number_of_posts(server: AsyncConnection) -> int:
    return int(await server.scalar(text("SELECT count(*) FROM posts")) or 0)


def is_a_problem(response: httpx.Response, status: int, *never: str) -> bool:
    """Return whether the answer is a problem, and shows neither SQL nor the client's values."""
    assert response.json()["status"] == response.status_code
    assert response.headers["content-type"] == "application/problem+json"
    for told in ("SELECT", "INSERT", "UPDATE", "COMMIT", *never):
        assert told not in response.text
    return response.status_code == status


async def test_a_commit_that_fails_becomes_an_error_response(
    fresh_database_url: URL, users: list[Key], server: AsyncConnection
) -> None:
    await server.execute(text(UNIQUE_AT_COMMIT))
    async with served(fresh_database_url) as (app, client):
        assert (await client.post(f"/posts/{users[0]}/secret")).status_code == 200

        again = await client.post(f"/posts/{users[0]}/secret")

        assert is_a_problem(again, 409, "secret")
        assert "uq_posts_title" in again.json()["detail"]
        assert await number_of_posts(server) == 1
        await assert_whole(app.state.database, 2000)


async def test_in_the_default_scope_a_commit_that_fails_would_have_been_a_success(
    fresh_database_url: URL, users: list[Key], server: AsyncConnection
) -> None:
    await server.execute(text(UNIQUE_AT_COMMIT))
    async with served(fresh_database_url) as (app, client):
        answers = [await client.post(f"/late/{users[0]}/secret") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [
            200,
            200,
        ]  # the wrong recipe says success
        assert await number_of_posts(server) == 1
        await assert_whole(app.state.database, 2000)


async def test_what_a_handler_refuses_is_rolled_back(
    fresh_database_url: URL, users: list[Key], server: AsyncConnection
) -> None:
    async with served(fresh_database_url) as (app, client):
        assert (await client.post(f"/refused/{users[0]}/a")).status_code == 418

        assert await number_of_posts(server) == 0
        await assert_whole(app.state.database, 2000)


async def test_errors_are_problems_without_sql_and_values(
    fresh_database_url: URL, users: list[Key]
) -> None:
    ada, bob = map(str, users)
    small = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
    async with served(fresh_database_url, **small) as (app, client):
        too_much = {"sender": ada, "recipient": bob, "amount": 5000}

        assert is_a_problem(await client.get(f"/posts/{ada}"), 404, ada)
        assert is_a_problem(await client.post(f"/posts/{Key(int=1)}/secret"), 409, "secret")
        assert is_a_problem(await client.post("/moves", json=too_much), 422, ada)
        async with app.state.database.unit_of_work() as uow:
            await uow.users.count()
            assert is_a_problem(await client.get(f"/posts/{ada}"), 503, ada)
        await assert_whole(app.state.database, 2000)


async def test_a_handler_that_needs_retries_has_its_whole_unit_of_work_run_again(
    fresh_database_url: URL, users: list[Key]
) -> None:
    ada, bob = users
    order = {"sender": str(ada), "recipient": str(bob), "amount": 10}
    async with served(fresh_database_url) as (app, client):
        answer = await client.post("/retried-moves", json={**order, "faults": 2})
        in_vain = await client.post("/retried-moves", json={**order, "faults": 99})

        assert answer.json() == 3
        assert is_a_problem(in_vain, 503)
        assert await credits_by_user(app.state.database) == {ada: 990, bob: 1010}
        await assert_whole(app.state.database, 2000)


async def test_a_dependency_and_its_handler_are_one_task_which_has_one_unit_of_work(
    fresh_database_url: URL, users: list[Key]
) -> None:
    order = {"sender": str(users[0]), "recipient": str(users[1])}
    async with served(fresh_database_url) as (app, client):
        for _ in range(2):  # all over one connection
            assert (await client.post("/moves", json=order)).status_code == 200
        first, second = app.state.tasks[:3], app.state.tasks[3:]
        assert len(set(first)) == len(set(second)) == 1
        assert set(first) != set(second)

        nested = await client.post("/nested-moves", json=order)

        assert is_a_problem(nested, 500)
        assert "savepoint()" in nested.json()["detail"]
        assert (await client.post("/moves", json=order)).status_code == 200
        await assert_whole(app.state.database, 2000)


async def test_a_hundred_requests_at_once_share_nothing(
    fresh_database_url: URL, users: list[Key]
) -> None:
    ada, bob = users
    order = {"sender": str(ada), "recipient": str(bob)}
    async with served(fresh_database_url, pool_size=10, max_overflow=0) as (app, client):
        # Ten requests at a time wait for each other in the middle of their transactions.
        answers = await asyncio.gather(
            *(client.post("/moves?together", json=order) for _ in range(100))
        )

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["transaction"] for answer in answers}) == 100
        assert len({answer.json()["backend"] for answer in answers}) == 10
        assert len(set(map(id, app.state.sessions))) == 100
        assert len(set(app.state.tasks)) == 100
        assert await credits_by_user(app.state.database) == {ada: 900, bob: 1100}
        await assert_whole(app.state.database, 2000)


async def write_posts(server: AsyncConnection, author: Key, number: int) -> None:
    rows = [{"author_id": author, "title": str(n), "body": "x" * 1000} for n in range(number)]
    await server.execute(insert(Post), rows)


async def test_a_streamed_body_has_a_unit_of_work_of_its_own(
    fresh_database_url: URL, users: list[Key], server: AsyncConnection
) -> None:
    await write_posts(server, users[0], 5000)
    async with served(fresh_database_url) as (app, client):
        async with client.stream("GET", "/posts") as response:
            titles = {int(line.split()[0]) async for line in response.aiter_lines()}

        assert titles == set(range(5000))
        await assert_whole(app.state.database, 2000)


async def test_a_client_that_leaves_in_the_middle_of_a_stream_leaves_the_pool_whole(
    fresh_database_url: URL, users: list[Key], server: AsyncConnection
) -> None:
    await write_posts(server, users[0], 20000)  # more than the buffers of the sockets can hold
    async with served(fresh_database_url) as (app, client):
        for _ in range(5):
            async with client.stream("GET", "/posts") as response:
                await anext(response.aiter_raw())
                assert app.state.database.engine.pool.checkedout() == 1

        await assert_whole(app.state.database, 2000)
