"""Answers at the edges of HTTP: a status without a name, and paths with odd characters."""

from collections.abc import AsyncIterator
from urllib.parse import quote, unquote

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request, Response

from shop.db import Page
from shop.db.fastapi import install, set_page_links
from shop.models import Base
from tests.db.fastapi.fixtures import client_of


async def refuse(status: int) -> None:
    raise HTTPException(status, "a reason")


async def page(name: str, request: Request, response: Response) -> None:
    set_page_links(request, response, Page(items=[], next="the-cursor", previous=None))


@pytest.fixture
async def edges() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app, Base.metadata)
    app.get("/statuses/{status}")(refuse)
    app.get("/authors/{name}/posts")(page)
    async with client_of(app) as client:
        yield client


async def test_a_status_that_has_no_name_is_kept(edges: httpx.AsyncClient) -> None:
    answer = await edges.get("/statuses/499")

    assert (answer.status_code, answer.json()["detail"]) == (499, "a reason")


@pytest.mark.parametrize("name", ["ł", "a\r\nX-Mine: 1", "100 %", "a>b?c#d"])
async def test_the_link_of_a_page_has_the_path_of_the_request(
    edges: httpx.AsyncClient, name: str
) -> None:
    answer = await edges.get(f"/authors/{quote(name)}/posts")

    path, _, query = answer.headers["Link"].split(">")[0].removeprefix("<").partition("?")
    assert unquote(path) == f"/authors/{name}/posts"
    assert query == "cursor=the-cursor"
    assert "X-Mine" not in answer.headers
