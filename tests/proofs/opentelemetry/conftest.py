"""The service of the example, with more routes, and exporters that keep spans and metrics in memory."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, NamedTuple
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import URL, text

from shop.api.app import create_app
from shop.api.dependencies import open_unit_of_work
from shop.db.fastapi import RetriedRoute
from shop.unit_of_work import UnitOfWork

Work = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
CONFLICT = "DO $$BEGIN RAISE SQLSTATE '40001'; END$$"
EXPORTER, READER = InMemorySpanExporter(), InMemoryMetricReader()


class Site(NamedTuple):
    """A running service, and its exporters."""

    app: FastAPI
    client: httpx.AsyncClient
    spans: InMemorySpanExporter
    metrics: InMemoryMetricReader


def routes() -> APIRouter:
    router, attempts = APIRouter(route_class=RetriedRoute), [CONFLICT, "SELECT 2"]

    @router.get("/statements/{count}")
    async def statements(uow: Work, count: int) -> None:
        for _ in range(count):
            await uow.session.execute(text("SELECT 1 -- and more"))

    @router.post("/queries/{query}")
    async def run(uow: Work, query: str) -> None:
        await uow.session.execute(text(query))

    @router.post("/conflicts")
    async def conflict(uow: Work) -> None:
        await uow.session.execute(text(attempts.pop(0)))

    return router


@pytest.fixture(scope="session", autouse=True)
def providers() -> Iterator[None]:
    """Set the providers of the process, as a program does at its start. This is possible only once."""
    tracers, meters = TracerProvider(), MeterProvider([READER])
    tracers.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    yield
    tracers.shutdown()
    meters.shutdown()


@pytest.fixture
async def site(fresh_database_url: URL, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """The running service, on its own database."""
    url = fresh_database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATABASE_LOG_STATEMENTS_LONGER_THAN", "0.5")
    monkeypatch.setenv("DATABASE_APPLICATION_NAME", f"shop {uuid4().hex}")  # for its figures
    monkeypatch.setenv("WEB_TOKEN_SECRET", "s" * 32)
    app = create_app()
    app.include_router(routes())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        EXPORTER.clear()  # the check of the schema also runs statements
        yield Site(app, client, EXPORTER, READER)
