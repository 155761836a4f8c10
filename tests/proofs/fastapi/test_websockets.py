"""Errors in a websocket. Before it is accepted, they become a response. After that, they close it."""

import logging

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, WebSocket
from starlette.types import Message

from shop.db import errors
from shop.db.fastapi import install
from shop.models import Base
from shop.unit_of_work import Database
from tests.proofs.fastapi.application import App

router = APIRouter()
ERRORS: dict[str, Exception] = {
    "404": errors.NotFound("there is no such post"),
    "409": errors.UniqueViolation(),
    "503": errors.PoolTimeout(),
    "418": HTTPException(418, "a reason"),
}


@router.websocket("/refused/{name}")
async def refuse(websocket: WebSocket, name: str) -> None:
    raise ERRORS[name]


@router.websocket("/accepted/{name}")
async def accept(websocket: WebSocket, name: str) -> None:
    await websocket.accept()
    raise ERRORS[name]


@router.websocket("/posts")
async def count_posts(websocket: WebSocket, database: App) -> None:
    await websocket.accept()
    async with database.unit_of_work(read_only=True) as reads:
        await websocket.send_text(str(await reads.posts.count()))


async def sent_over(path: str, database: Database | None = None) -> list[Message]:
    """Connect a websocket. Return the messages of the application, until it has ended."""
    app = FastAPI()
    install(app, Base.metadata)
    app.include_router(router)
    app.state.database = database
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": []}
    extensions: dict[str, object] = {"websocket.http.response": {}}
    await app({**scope, "subprotocols": [], "extensions": extensions}, receive, send)
    return sent


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_closes_a_websocket_that_was_accepted(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        sent = await sent_over(f"/accepted/{name}")

    assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1011
    assert f"a websocket is closed with 1011: {ERRORS[name]}" in caplog.text


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_refuses_a_websocket_that_was_not_accepted(name: str) -> None:
    start, body = await sent_over(f"/refused/{name}")

    assert (start["type"], start["status"]) == ("websocket.http.response.start", int(name))
    assert b'"detail"' in body["body"]


async def test_a_websocket_opens_its_own_unit_of_work(isolated: Database) -> None:
    _, answer = await sent_over("/posts", isolated)

    assert answer["text"] == "0"
