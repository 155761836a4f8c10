"""Clients of four tenants send requests to a server at the same time, and everything goes wrong."""

import asyncio
import logging
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Annotated

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI, Header, Request
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.api.logs import configure_logging
from shop.db.tenancy import Tenant
from tests.proofs.support.pgbouncer import pgbouncer
from tests.proofs.support.sampling import FULL
from tests.proofs.tenancy.application import TOKENS, application, get_tenant
from tests.proofs.tenancy.http_clients import Client, Watch
from tests.proofs.tenancy.operations import assert_nobody_met
from tests.proofs.tenancy.tables import rows, shop_on

REQUESTS = 100_000 if FULL else 600
CLIENTS = 8


@pytest.fixture
def watch() -> Iterator[Watch]:
    """It reads the log of the service."""
    root, watch = logging.getLogger(), Watch()
    handlers, level = root.handlers[:], root.level
    configure_logging("INFO")
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(watch)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    Client.known.clear()
    yield watch
    logging.getLogger("httpx").setLevel(logging.NOTSET)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run a server on a real socket. All clients share its connections."""
    listener = socket.create_server(("127.0.0.1", 0))  # clients can connect now
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        limits = httpx.Limits(keepalive_expiry=2)  # the server closes idle ones after five seconds
        async with httpx.AsyncClient(
            base_url=address, timeout=30, limits=limits, trust_env=False
        ) as http:
            yield http
    finally:
        server.should_exit = True
        await serving


async def storm(app: FastAPI, watch: Watch, requests: int) -> Counter[str]:
    """Send requests, and return what was seen."""
    async with served(app) as http:
        dice = [random.Random(f"{each} {random.random()}") for each in range(CLIENTS)]  # noqa: S311  # no secret
        clients = [Client(http, watch, each) for each in dice]
        await asyncio.gather(*(client.work(requests // CLIENTS) for client in clients))
    assert not watch.strangers
    return sum((client.seen for client in clients), Counter())


@pytest.mark.parametrize(("size", "through"), [(1, None), (2, None), (2, pgbouncer)])
async def test_no_tenant_meets_another_in_a_storm_of_requests(
    shop_url: URL,
    owner: AsyncConnection,
    watch: Watch,
    size: int,
    through: Callable[[URL], AbstractContextManager[URL]] | None,
    record_property: Callable[[str, object], None],
) -> None:
    pool = {"pool_size": size, "max_overflow": 0, "pool_timeout": 60, "pgbouncer": bool(through)}

    with through(shop_url) if through else nullcontext(shop_url) as url:
        async with shop_on(url, **pool) as shop:
            seen = await storm(application(shop), watch, REQUESTS // 3)

    await assert_nobody_met(owner)
    assert await rows(owner, "SELECT 1 FROM customers")
    assert min(seen["GET /customers"], seen["status 200"], watch.lines["reports"]) > 0
    assert seen["broken off"] < REQUESTS / 60
    if FULL:  # a sample may leave a fault out
        assert (
            min(seen["status 503"], seen["the client left"], seen["the client left a stream"]) > 0
        )
    for name, times in sorted((seen + watch.lines).items()):
        behind = " behind PgBouncer" if through else ""
        record_property(f"requests of tenants, pool of {size}{behind}: {name}", times)


def of_the_connection() -> Callable[..., object]:
    """Return a dependency that reads the token of the first request of a connection only."""
    known: dict[object, Tenant | None] = {}

    async def find(request: Request, authorization: Annotated[str, Header()] = "") -> Tenant | None:
        return known.setdefault(request.client, TOKENS.get(authorization))

    return find


def of_the_last_request() -> Callable[..., object]:
    """Return a dependency that keeps the last tenant, if a request names none."""
    last: list[Tenant] = []

    async def find(authorization: Annotated[str, Header()] = "") -> Tenant | None:
        last.extend([TOKENS[authorization]] if authorization else [])
        return last[-1] if last else None

    return find


@pytest.mark.sampled(1)
@pytest.mark.parametrize("mistake", [of_the_connection, of_the_last_request, None])
async def test_the_clients_notice_a_service_that_mixes_tenants(
    shop_url: URL,
    owner: AsyncConnection,
    watch: Watch,
    mistake: Callable[[], Callable[..., object]] | None,
) -> None:
    async with shop_on(shop_url, pool_size=2, max_overflow=0, pool_timeout=60) as shop:
        app = application(shop)
        if mistake:
            app.dependency_overrides[get_tenant] = mistake()
        else:
            await owner.exec_driver_sql("DROP POLICY tenant_boundary ON customers")
            await owner.exec_driver_sql("CREATE POLICY open ON customers USING (true)")
        with pytest.raises(AssertionError):
            await storm(app, watch, 600)
