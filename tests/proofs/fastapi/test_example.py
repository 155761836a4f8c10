"""The example's service: its tokens, the types of its input, and its OpenAPI document."""

import datetime
from typing import Any

import httpx
import jwt
import pytest

from shop.api.security import token_settings
from shop.db.engine.query_log import record_queries
from shop.models import User
from shop.services.users import set_active
from shop.unit_of_work import Database
from tests.api.conftest import add_user, as_user

SECRET, OTHER = "s" * 64, "o" * 64


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_TOKEN_SECRET", SECRET)
    token_settings.cache_clear()


def claims(user: User, *, begin: float = 0, end: float = 60) -> dict[str, Any]:
    """Return the claims of a token. The times are in seconds from now."""
    now = datetime.datetime.now(datetime.UTC)
    seconds = datetime.timedelta
    return {
        "sub": str(user.id),
        "iat": now + seconds(seconds=begin),
        "exp": now + seconds(seconds=end),
    }


async def status_with(client: httpx.AsyncClient, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await client.get("/users/me", headers=headers)).status_code


async def test_only_a_complete_token_of_this_service_is_valid(
    client: httpx.AsyncClient, isolated: Database
) -> None:
    ada = await add_user(isolated, "ada")
    good = claims(ada)
    tokens = {
        "ours": jwt.encode(good, SECRET, "HS256"),
        "another secret": jwt.encode(good, OTHER, "HS256"),
        "another algorithm": jwt.encode(good, SECRET, "HS384"),
        "no signature": jwt.encode(good, "", "none"),
        "no end": jwt.encode({"sub": good["sub"]}, SECRET, "HS256"),
        "no user": jwt.encode({"exp": good["exp"]}, SECRET, "HS256"),
        "a user that is no key": jwt.encode(good | {"sub": "ada"}, SECRET, "HS256"),
        "ended": jwt.encode(claims(ada, begin=-120, end=-60), SECRET, "HS256"),
    }

    statuses = {name: await status_with(client, token) for name, token in tokens.items()}

    assert statuses == dict.fromkeys(tokens, 401) | {"ours": 200}


async def test_a_token_of_a_machine_whose_clock_is_ahead_is_valid(
    client: httpx.AsyncClient, isolated: Database
) -> None:
    ada = await add_user(isolated, "ada")

    assert await status_with(client, jwt.encode(claims(ada, begin=5), SECRET, "HS256")) == 200


async def test_an_inactive_user_cannot_read_a_draft(
    client: httpx.AsyncClient, isolated: Database
) -> None:
    ada = await add_user(isolated, "ada")
    headers = as_user(ada)
    given = {"title": "a draft", "body": ""}
    url = f"/posts/{(await client.post('/posts', json=given, headers=headers)).json()['id']}"
    assert (await client.get(url, headers=headers)).status_code == 200

    async with isolated.unit_of_work() as uow:
        await set_active(uow, ada.id, False)

    assert (await client.get(url, headers=headers)).status_code == 404
    assert (await client.get("/users/me", headers=headers)).status_code == 401


async def test_no_cache_keeps_a_token(client: httpx.AsyncClient) -> None:
    account = {"username": "ada", "password": "correct horse battery"}
    await client.post("/users", json=account | {"email": "ada@example.com"})

    answer = await client.post("/tokens", data=account | {"username": "ada@example.com"})

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_password_that_utf_8_cannot_express_is_wrong(client: httpx.AsyncClient) -> None:
    """The client chooses how the parts of a form are decoded, so it can send half of a surrogate pair."""
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"username": "ada@example.com", "password": r"\ud800"}.items()
    ]
    headers = {"Content-Type": "multipart/form-data; boundary=B; charset=unicode_escape"}

    answer = await client.post("/tokens", content="".join([*parts, "--B--\r\n"]), headers=headers)

    assert answer.status_code == 401


async def test_a_batch_is_not_split_because_of_lines_with_a_zero_character(
    committing_client: httpx.AsyncClient, database: Database
) -> None:
    headers = as_user(await add_user(database, "ada"))
    content = "title,body\n" + "1,\0\n" * 200 + "2,b\n"

    with record_queries(database.engine) as queries:
        files = {"file": content.encode()}
        answer = await committing_client.post("/files/posts", files=files, headers=headers)

    report = answer.json()
    assert (report["imported"], report["rejected_in_all"]) == (1, 200)
    assert "body: " in report["rejected"][0]["reason"]
    assert len(queries) < 10


async def test_a_line_with_more_values_than_columns_is_rejected_and_not_cut(
    committing_client: httpx.AsyncClient, database: Database
) -> None:
    headers = as_user(await add_user(database, "ada"))
    files = {"file": b'title,body\n1,Dear all, welcome\n2,"Dear all, welcome"\n'}

    answer = await committing_client.post("/files/posts", files=files, headers=headers)

    assert answer.json() == {
        "imported": 1,
        "rejected": [{"line": 1, "reason": "values without a column: [' welcome']"}],
        "rejected_in_all": 1,
    }


@pytest.mark.parametrize("field", [{"publish_at": 0}, {"publish_at": "0"}, {"published": 1}])
async def test_a_value_with_another_type_than_the_documented_type_is_refused(
    client: httpx.AsyncClient, isolated: Database, field: dict[str, object]
) -> None:
    headers = as_user(await add_user(isolated, "ada"))

    answer = await client.post("/posts", json={"title": "a", "body": ""} | field, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"].keys() == {f"body.{name}" for name in field}


async def test_the_openapi_document_names_each_status_that_any_route_can_answer(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    for path, operations in paths.items():
        for method, operation in operations.items():
            documented = operation["responses"].keys()
            assert documented >= {"400", "413", "422", "500", "503"}, (method, path)
            secure = operation.get("security", [{}])
            assert ("401" in documented) or secure == [{}], (method, path)
    assert {} in paths["/posts/{post}"]["get"]["security"]
    assert {} not in paths["/posts/{post}"]["patch"]["security"]


async def test_the_openapi_document_names_the_header_link_of_each_list(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    for path in ("/posts", "/users"):
        assert "Link" in paths[path]["get"]["responses"]["200"]["headers"]


@pytest.mark.parametrize("path", ["/posts?", "/posts/search?words=a&", "/users?"])
async def test_a_parameter_with_an_unknown_name_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 200

    answer = await client.get(f"{path}author.ne=x")

    assert answer.status_code == 422
    assert answer.json()["errors"].keys() == {"query.author.ne"}


async def test_a_body_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/users", content=b" " * 1_000_001)

    assert answer.status_code == 413
