"""Requests over HTTP: read a row, list a page of 20, and create a row. Ten clients send them.

The services by hand are in `by_hand.py`. The service that is observed makes the spans of OpenTelemetry,
and sends them to an exporter that drops them.

Limits: clients and services share the process. The logs of the requests have no handler.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.telemetry import TelemetryConfig
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from shop import db
from shop.db.fastapi import (
    PageOf,
    Paging,
    RetriedRoute,
    WebSettings,
    install,
    serving,
    set_page_links,
    unit_of_work_dependency,
)
from shop.db.mixins import uuid7
from shop.db.opentelemetry import observe

from .by_hand import NOT_OBSERVED, FullItem, NewItem, by_hand, logged_by_hand
from .insert import empty
from .measure import Contestant, Measure
from .page import ORDER
from .tables import Base, Item, Target, Work
from .world import World

REQUESTS, CLIENTS, SIZE = 1_000, 10, 20
OBSERVED: TelemetryConfig = {"operation_spans": False, "logs": False}  # as in `api/app.py`

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class ReadItems(db.ReadRepository[Item, uuid7.Key]):
    model = Item


class Dropped(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def ours(world: World, *, observed: bool = False) -> FastAPI:
    open_unit_of_work = unit_of_work_dependency()
    router = APIRouter(route_class=RetriedRoute)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = WebSettings(_env_file=None)
        async with (
            db.Database(world.database.settings, Work) as database,
            serving(app, database, settings),
        ):
            if observed:
                observe(database)
            yield

    @router.get("/items/{key}", response_model=FullItem)
    async def read(
        reads: Annotated[db.ReadUnitOfWork, Depends(open_unit_of_work, scope="function")],
        key: uuid7.Key,
    ) -> Item:
        return await ReadItems(reads.session).get_one(key)

    @router.get("/items", response_model=PageOf[FullItem])
    async def page(
        reads: Annotated[db.ReadUnitOfWork, Depends(open_unit_of_work, scope="function")],
        paging: Paging,
        request: Request,
        response: Response,
    ) -> db.Page[Item]:
        page = await ReadItems(reads.session).paginate(
            order_by=ORDER, limit=paging.limit, cursor=paging.cursor
        )
        set_page_links(request, response, page)
        return page

    @router.post("/items", status_code=201, response_model=FullItem)
    async def create(
        uow: Annotated[Work, Depends(open_unit_of_work, scope="function")], given: NewItem
    ) -> Target:
        return await uow.targets.add(Target(**given.model_dump()))

    if observed:
        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(Dropped()))
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
    app = FastAPI(lifespan=lifespan, telemetry=OBSERVED if observed else NOT_OBSERVED)
    install(app, Base.metadata)
    app.include_router(router)
    return app


SERVICES: dict[str, Callable[[World], FastAPI]] = {
    "by hand": by_hand,
    "by hand, with a log": logged_by_hand,
    "ours": ours,
    "ours, observed": partial(ours, observed=True),
}


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """Serve an application, and yield its port."""
    # asyncio sets TCP_NODELAY only if the protocol is given. Without it, responses wait for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    port = int(listener.getsockname()[1])
    try:
        await send(
            port, [_request("GET", "/openapi.json")]
        )  # the response means that it has started
        yield port
    finally:
        server.should_exit = True
        await serving


async def start(world: World) -> None:
    """Start the services in the first round."""
    if not world.ports:
        for name, make in SERVICES.items():
            world.ports[name] = await world.stack.enter_async_context(served(make(world)))
    await empty(world)


async def send(port: int, requests: Sequence[bytes]) -> None:
    """Send requests over one connection, one after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(head.decode())
        [length] = _LENGTH.findall(head)
        await reader.readexactly(int(length))
    writer.close()
    await writer.wait_closed()


def number(world: World) -> int:
    return min(world.scaled(REQUESTS), len(world.keys), len(world.rows))


def reads(world: World) -> list[bytes]:
    return [_request("GET", f"/items/{key}") for key in world.keys[: number(world)]]


def lists(world: World) -> list[bytes]:
    return [_request("GET", f"/items?limit={SIZE}")] * number(world)


def creates(world: World) -> list[bytes]:
    return [_request("POST", "/items", json.dumps(row)) for row in world.rows[: number(world)]]


def _request(method: str, path: str, body: str = "") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: shop", f"Content-Length: {len(body)}"]
    head += ["Content-Type: application/json"] if body else []
    return "\r\n".join([*head, "", body]).encode()


def asks(name: str, requests: Callable[[World], list[bytes]]) -> Contestant:
    async def run(world: World) -> None:
        given = requests(world)
        async with asyncio.TaskGroup() as clients:
            for client in range(CLIENTS):
                clients.create_task(send(world.ports[name], given[client::CLIENTS]))

    return run


MEASURES = [
    Measure(
        f"http {what}",
        {name: asks(name, requests) for name in SERVICES},
        units=number,
        prepare=start,
    )
    for what, requests in {"read": reads, "list": lists, "create": creates}.items()
]
