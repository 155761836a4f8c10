"""The line in the log for a request whose response does not reach its end."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message

from shop.api.logs import configure_logging
from shop.db.fastapi import install
from shop.models import Base
from tests.db.fastapi.fixtures import client_of
from tests.proofs.fastapi.sites import lines

router = APIRouter()


@router.get("/breaks")
async def break_off() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        yield "the first part"
        raise ValueError("the second part")

    return StreamingResponse(parts())


@router.get("/endless")
async def go_on() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        while True:
            yield "a part"
            await asyncio.sleep(0)

    return StreamingResponse(parts())


@router.get("/waits")
async def wait(request: Request) -> None:
    request.app.state.begun.set()
    await asyncio.Event().wait()


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    install(app, Base.metadata)
    app.include_router(router)
    app.state.begun = asyncio.Event()
    return app


async def test_a_stream_that_raises_is_logged_as_broken_off(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO")
    async with client_of(app) as client:
        with pytest.raises(ValueError, match="the second part"):
            await client.get("/breaks")

    [line] = lines(capsys)
    assert line["event"] == "GET /breaks 200 (broken off)"
    assert (line["status"], line["complete"]) == (200, False)


async def test_a_stream_whose_client_leaves_is_logged_as_broken_off(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO")
    begun = asyncio.Event()

    async def receive() -> Message:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            begun.set()

    scope = {"type": "http", "method": "GET", "path": "/endless", "query_string": b""}
    await app(scope | {"headers": []}, receive, send)

    [line] = lines(capsys)
    assert line["event"] == "GET /endless 200 (broken off)"


async def test_a_request_that_is_cancelled_has_no_status_in_the_log(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO")
    async with client_of(app) as client:
        request = asyncio.create_task(client.get("/waits"))
        await app.state.begun.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    [line] = lines(capsys)
    assert line["event"] == "GET /waits - (broken off)"
    assert (line["status"], line["complete"]) == (None, False)


async def test_a_request_for_the_health_is_quiet_also_behind_a_prefix(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("DEBUG")
    calls = httpx.ASGITransport(app, root_path="/api")
    async with httpx.AsyncClient(transport=calls, base_url="http://shop") as client:
        await client.get("/api/health/live")

    [line] = [each for each in lines(capsys) if each["event"].startswith("GET ")]
    assert (line["event"], line["level"]) == ("GET /api/health/live 200", "debug")
