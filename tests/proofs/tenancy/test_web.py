"""A request works for the tenant that a dependency found. Its log and its spans name this tenant."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import URL, select, text

from shop.api.logs import configure_logging
from shop.db.errors import DeadlockDetected
from shop.db.fastapi import RetriedRoute, get_database, install, unit_of_work_dependency
from shop.db.opentelemetry import observe
from shop.db.tenancy import NoTenant, tenant_attributes
from shop.db.tenancy.request import tenant_dependency
from tests.db.fastapi.fixtures import client_of
from tests.proofs.tenancy.application import as_tenant, get_tenant
from tests.proofs.tenancy.tables import TENANTS, A, B, Base, Customer, Shop, UnitOfWork, shop_on

Work = Annotated[UnitOfWork, Depends(unit_of_work_dependency(), scope="function")]
Opened = Annotated[Shop, Depends(get_database)]
router = APIRouter()
retried = APIRouter(route_class=RetriedRoute)
attempts: list[int] = []
seen: list[int] = []


@router.get("/open")
async def need_no_tenant(uow: Work) -> Any:
    return await uow.session.scalar(text("SELECT 1"))


@router.get("/customers")
async def read(uow: Work) -> list[str]:
    return list(await uow.session.scalars(select(Customer.email)))


@router.post("/customers/{email}")
async def add_at_the_commit(uow: Work, email: str) -> None:
    uow.session.add(Customer(email=email))


@retried.post("/retried/{email}")
async def add_in_the_second_attempt(uow: Work, email: str) -> int:
    await uow.customers.add(Customer(email=email))
    attempts.append(await uow.customers.count())
    if len(attempts) < 2:
        raise DeadlockDetected
    return attempts[-1]


@router.get("/export")
async def stream(database: Opened, background: BackgroundTasks) -> StreamingResponse:
    async def count() -> int:
        async with database.unit_of_work(read_only=True) as reads:
            found = await reads.session.scalars(select(Customer.email))
            return len(found.all())

    async def lines() -> AsyncIterator[str]:
        yield str(await count())

    async def note() -> None:
        seen.append(await count())

    background.add_task(note)
    return StreamingResponse(lines(), background=background)


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application whose routes know the tenant, except those below `/forgotten`."""
    attempts.clear()
    seen.clear()
    app = FastAPI()
    install(app, Base.metadata)
    for each in (router, retried):
        app.include_router(each, dependencies=[Depends(tenant_dependency(get_tenant))])
    app.include_router(router, prefix="/forgotten")
    app.state.database = shop
    async with shop.unit_of_work(info=A) as uow:
        await uow.customers.add(Customer(email="a"))
    async with client_of(app) as client:
        yield client


async def test_concurrent_requests_see_and_write_only_the_rows_of_their_tenants(
    client: httpx.AsyncClient,
) -> None:
    async def work(number: int) -> None:
        tenant = TENANTS[number % 4]
        await client.post(f"/customers/{number}", headers=as_tenant(tenant))
        found = (await client.get("/customers", headers=as_tenant(tenant))).json()
        assert str(number) in found
        assert {int(each) % 4 for each in found if each != "a"} == {number % 4}
        assert ("a" in found) == (tenant == A)

    await asyncio.gather(*[work(number) for number in range(40)])


@pytest.mark.parametrize(("method", "path"), [("GET", "/customers"), ("POST", "/customers/x")])
async def test_without_a_tenant_a_route_that_needs_one_answers_401_and_others_work(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    refused = await client.request(method, path)

    assert (refused.status_code, (await client.get("/open")).json()) == (401, 1)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json()["detail"] == "this needs a tenant: log in"


async def test_a_token_that_is_not_valid_is_refused_also_where_no_tenant_is_needed(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/open", headers={"Authorization": "forged"})).status_code == 401


async def test_a_route_that_does_not_ask_for_the_tenant_is_a_mistake_of_the_program(
    client: httpx.AsyncClient,
) -> None:
    with pytest.raises(NoTenant):  # a server answers 500
        await client.get("/forgotten/customers", headers=as_tenant(A))


async def test_each_attempt_of_a_route_that_runs_again_has_the_tenant(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.post("/retried/b", headers=as_tenant(B))).json() == 1
    assert attempts == [1, 1]


async def test_a_stream_and_a_background_task_have_the_tenant_and_then_it_ends(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/export", headers=as_tenant(A))).text == "1"
    assert (await client.get("/export", headers=as_tenant(B))).text == "0"

    assert seen == [1, 0]
    assert tenant_attributes() == {}


@pytest.fixture
def restored_log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored_log")
async def test_the_lines_of_a_request_and_the_warnings_of_the_layer_name_the_tenant(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO")
    await client.post("/retried/b", headers=as_tenant(B))
    await client.get("/open")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    ours = [line for line in lines if line["logger"] != "httpx"]
    assert [(line["event"][:13], line.get("tenant_id")) for line in ours] == [
        ("running again", str(B.id)),
        ("POST /retried", str(B.id)),
        ("GET /open 200", None),
    ]


async def test_the_spans_of_statements_and_of_the_request_name_the_tenant(shop_url: URL) -> None:
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(tracers)  # possible once in a process
    tracer = trace.get_tracer("requests")
    async with shop_on(shop_url) as shop:
        observe(shop, tenant_attributes)
        for name, info in (("of A", A), ("of nobody", ())):
            with tracer.start_as_current_span(name):
                async with shop.unit_of_work(info=info) as uow:
                    await uow.session.execute(text("SELECT 1"))

    named = {
        (span.name, (span.attributes or {}).get("app.tenant_id"))
        for span in exporter.get_finished_spans()
        if span.name != "SELECT" or "SELECT 1" in str(span.attributes)
    }
    assert named == {
        ("SELECT", str(A.id)),
        ("of A", str(A.id)),
        ("SELECT", None),
        ("of nobody", None),
    }
