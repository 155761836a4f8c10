"""Two organisations use the service. Neither sees, counts, changes or exports a row of the other one."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.db.fastapi.fixtures import client_of

PASSWORD = "correct horse battery"
POST = {"title": "On engines", "body": "They compute.", "published": True}


@pytest.fixture(autouse=True)
def organisation() -> None:
    """No organisation: each request names its own one."""


async def found(client: httpx.AsyncClient, name: str, username: str = "ada") -> None:
    """Found an organisation with its first user."""
    user = {"email": f"{username}@example.com", "username": username, "password": PASSWORD}
    assert (await client.post("/organisations", json={"name": name, **user})).status_code == 201


@pytest.fixture
async def two(app: FastAPI) -> AsyncIterator[list[httpx.AsyncClient]]:
    """The first users of two organisations. They have the same name and e-mail address."""
    async with client_of(app) as press, client_of(app) as paper:
        for client, name in ((press, "press"), (paper, "paper")):
            await found(client, name)
            form = {"client_id": name, "username": "ada@example.com", "password": PASSWORD}
            token = (await client.post("/tokens", data=form)).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
        yield [press, paper]


async def test_neither_sees_counts_changes_or_exports_what_the_other_has(
    two: list[httpx.AsyncClient],
) -> None:
    press, paper = two
    me = (await press.get("/users/me")).json()
    post = (await press.post("/posts", json=POST)).json()
    url = f"/posts/{post['id']}"

    assert (await press.get(url)).json()["title"] == POST["title"]
    for answer in (
        await paper.get(url),
        await paper.patch(url, json={"title": "stolen"}),
        await paper.post(f"{url}/publish"),
        await paper.delete(url),
        await paper.post(f"{url}/comments", json={"text": "…"}),
        await paper.get(f"/users/{me['id']}"),
        await paper.post(
            "/transfers",
            json={"recipient": me["id"], "amount": 1},
            headers={"Idempotency-Key": "1"},
        ),
    ):
        assert answer.status_code == 404
    for path, number in (("/posts", 0), ("/users", 1)):
        assert len((await paper.get(path)).json()["items"]) == number
    assert (await paper.get("/posts/search?words=engines")).json() == []
    assert (await paper.get("/files/posts")).text == ""
    assert len((await press.get("/files/posts")).text.splitlines()) == 1
    assert (await press.get(url)).json()["title"] == POST["title"]


async def test_a_cursor_of_the_other_organisation_shows_nothing_of_it(
    two: list[httpx.AsyncClient],
) -> None:
    press, paper = two
    for _ in range(3):
        await press.post("/posts", json=POST)

    first = (await press.get("/posts?limit=1")).json()

    assert first["next"]
    assert (await paper.get(f"/posts?limit=1&cursor={first['next']}")).json()["items"] == []


async def test_a_user_cannot_log_in_to_another_organisation(client: httpx.AsyncClient) -> None:
    await found(client, "press", "ada")
    await found(client, "paper", "grace")

    for name in ("paper", "nobody", ""):
        form = {"client_id": name, "username": "ada@example.com", "password": PASSWORD}
        refused = await client.post("/tokens", data=form)
        assert refused.status_code == 401
        assert "is wrong" in refused.json()["detail"]


async def test_a_log_in_may_name_the_organisation_in_a_header_as_swagger_ui_does(
    client: httpx.AsyncClient, two: list[httpx.AsyncClient]
) -> None:
    form = {"username": "ada@example.com", "password": PASSWORD}

    right = await client.post("/tokens", data=form, auth=("press", ""))
    wrong = await client.post("/tokens", data=form, auth=("nobody", ""))

    assert (right.status_code, wrong.status_code) == (200, 401)
    described = (await client.get("/openapi.json")).json()["components"]["securitySchemes"]
    assert described.keys() == {"OAuth2PasswordBearer"}  # the dialog has one form


async def test_a_new_user_belongs_to_the_organisation_of_the_user_who_registers_them(
    client: httpx.AsyncClient, two: list[httpx.AsyncClient]
) -> None:
    press, paper = two
    given = {"email": "bob@example.com", "username": "bob", "password": PASSWORD}

    assert (await client.post("/users", json=given)).status_code == 401
    assert (await press.post("/users", json=given)).status_code == 201
    taken = await press.post("/users", json=given)
    assert (taken.status_code, taken.json()["errors"].keys()) == (409, {"email"})
    assert (await paper.post("/users", json=given)).status_code == 201


async def test_the_name_of_an_organisation_is_taken_once(client: httpx.AsyncClient) -> None:
    await found(client, "press")
    given = {"name": "press", "email": "x@example.com", "username": "x1", "password": PASSWORD}

    assert (await client.post("/organisations", json=given)).status_code == 409


async def test_a_request_without_a_token_gets_a_401(client: httpx.AsyncClient) -> None:
    for path in ("/posts", "/posts/search?words=x", "/users", "/files/posts"):
        refused = await client.get(path)
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["WWW-Authenticate"] == "Bearer"
