"""The web application of `application.py`. It runs in the task of the test, or in a server."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import URL, text

from shop.db import DatabaseSettings
from shop.models import Key
from shop.unit_of_work import Database
from tests.proofs.fastapi.application import application
from tests.proofs.support.faults import assert_whole, make_users

TOTAL = 2000  # credits of the two users

# The number of requests that wait for a lock.
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines of the log. They are JSON, because standard error is not a terminal."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@dataclass
class Site:
    """The application, a client of it, its database, and the keys of two users."""

    app: FastAPI
    client: httpx.AsyncClient
    database: Database
    users: list[Key]

    async def execute(self, *statements: str) -> None:
        async with self.database.unit_of_work() as uow:
            for statement in statements:
                await uow.session.execute(text(statement))

    async def titles(self) -> list[str]:
        async with self.database.unit_of_work(read_only=True) as reads:
            return [post.title for post in await reads.posts.all()]

    def order(self, **values: Any) -> dict[str, Any]:
        """Return the body of a transfer from the first user to the second."""
        sender, recipient = map(str, self.users)
        return {"sender": sender, "recipient": recipient, **values}


@asynccontextmanager
async def in_this_task(database: Database, **transport: Any) -> AsyncIterator[Site]:
    """Run the application in the task of the test. Its lifespan does not run.

    Args:
        transport: arguments of httpx's transport.
    """
    app = application(database.settings)
    app.state.database = database
    users = await make_users(database, 2, TOTAL // 2)
    calls = httpx.ASGITransport(app, **transport)
    async with httpx.AsyncClient(transport=calls, base_url="http://shop") as client:
        yield Site(app, client, database, users)


@asynccontextmanager
async def served(url: URL, **values: Any) -> AsyncIterator[Site]:
    """Run a server on a real socket.

    Args:
        values: settings of the application's database.
    """
    app = application(DatabaseSettings(_env_file=None, url=url, **values))
    listener = socket.create_server(("127.0.0.1", 0))  # clients can connect now
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        # The server closes an idle connection after five seconds. The client must be the first to close it.
        limits = httpx.Limits(keepalive_expiry=2)
        async with httpx.AsyncClient(
            base_url=address, timeout=30, limits=limits, trust_env=False
        ) as client:
            await client.get("/health/live")  # it answers when the application has started
            database = app.state.database
            yield Site(app, client, database, await make_users(database, 2, TOTAL // 2))
            await assert_whole(database, TOTAL)
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def isolated_site(isolated: Database) -> AsyncIterator[Site]:
    async with in_this_task(isolated, raise_app_exceptions=False) as site:
        yield site


@pytest.fixture
async def served_site(fresh_database_url: URL) -> AsyncIterator[Site]:
    async with served(fresh_database_url) as site:
        yield site


@pytest.fixture(params=["isolated_site", "served_site"])
def site(request: pytest.FixtureRequest) -> Site:
    """The application on `isolated`, and behind a server with a database that commits."""
    site = request.getfixturevalue(request.param)
    assert isinstance(site, Site)
    return site
