"""Answers at the edges of HTTP: statuses without a body or a name, long bodies and lists, odd paths."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote, unquote

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, HTTPException, Request, Response
from starlette.types import Message

from shop.db import Page
from shop.db.errors import NotFound
from shop.db.fastapi import RetriedRoute, install, set_page_links
from shop.models import Base
from tests.db.fastapi.fixtures import client_of

router = APIRouter(route_class=RetriedRoute)


@router.get("/statuses/{status}")
async def refuse(status: int) -> None:
    raise HTTPException(status, "a reason", {"X-Reason": "mine"})


@router.get("/authors/{name}/posts")
async def page(name: str, request: Request, response: Response) -> None:
    set_page_links(request, response, Page(items=[], next="the-cursor", previous=None))


@router.post("/lists")
async def count_numbers(numbers: list[int]) -> int:
    return len(numbers)


@router.post("/names")
async def find(name: Annotated[Any, Body()]) -> None:
    raise NotFound(f"there is no {name}")


@router.post("/events")
async def ignore_the_body() -> None:
    raise AssertionError("the body is too long or incomplete, so this never runs")


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(max_body_size=10_000)
    install(app, Base.metadata)
    app.include_router(router)
    return app


@pytest.fixture
async def edges(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_that_never_has_a_body_has_none(
    edges: httpx.AsyncClient, status: int
) -> None:
    answer = await edges.get(f"/statuses/{status}")

    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["X-Reason"] == "mine"
    assert "content-type" not in answer.headers


async def test_a_status_that_has_no_name_is_kept(edges: httpx.AsyncClient) -> None:
    answer = await edges.get("/statuses/499")

    assert (answer.status_code, answer.json()["detail"]) == (499, "a reason")


async def test_a_422_has_the_first_hundred_errors_of_a_long_list(edges: httpx.AsyncClient) -> None:
    answer = await edges.post("/lists", json=["x"] * 1000)

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100


async def test_half_of_a_surrogate_pair_in_a_message_is_sent_back(edges: httpx.AsyncClient) -> None:
    answer = await edges.post(
        "/names", headers={"Content-Type": "application/json"}, content=rb'"\ud800"'
    )

    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no \ud800")


@pytest.mark.parametrize("name", ["ł", "a\r\nX-Mine: 1", "100 %", "a>b?c#d"])
async def test_the_link_of_a_page_has_the_path_of_the_request(
    edges: httpx.AsyncClient, name: str
) -> None:
    answer = await edges.get(f"/authors/{quote(name)}/posts")

    path, _, query = answer.headers["Link"].split(">")[0].removeprefix("<").partition("?")
    assert unquote(path) == f"/authors/{name}/posts"
    assert query == "cursor=the-cursor"
    assert "X-Mine" not in answer.headers


@pytest.mark.parametrize("prefix", ["", "/api", "/api/mounted"])
async def test_the_link_of_a_page_has_the_prefix_of_a_proxy_once(app: FastAPI, prefix: str) -> None:
    """A server adds its `--root-path` to the path. `FastAPI(root_path=…)` does not."""
    app.mount("/mounted", app)
    calls = httpx.ASGITransport(app, root_path="/api")
    async with httpx.AsyncClient(transport=calls, base_url="http://shop") as client:
        answer = await client.get(f"{prefix}/authors/a/posts")

    assert answer.headers["Link"].startswith(f"<{prefix or '/api'}/authors/a/posts?")


@pytest.mark.parametrize("path", ["/lists", "/events"])
@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_that_is_too_long_is_refused_before_the_route_runs(
    edges: httpx.AsyncClient, path: str, has_length: bool
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 1000

    content = b" " * 20_000 if has_length else parts()
    answer = await edges.post(path, content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/lists", "/events"])
async def test_a_client_that_leaves_before_the_end_of_its_body_is_no_mistake_of_the_program(
    app: FastAPI, path: str
) -> None:
    received: list[Message] = [
        {"type": "http.request", "body": b"[", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return received.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)

    assert sent[0]["status"] == 400
