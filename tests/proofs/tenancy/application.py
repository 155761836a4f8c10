"""A web application of tenants. Its routes show what tenants must not see of each other.

Each customer has in `note` the tenant that wrote it.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Request,
    Response,
)
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, text

from shop.db.errors import CommitUnknown, DeadlockDetected, InsufficientPrivilege, NotFound
from shop.db.fastapi import (
    IfMatch,
    PageOf,
    Paging,
    RetriedRoute,
    check_if_match,
    get_database,
    install,
    set_etag,
    set_page_links,
    transaction_options,
    unit_of_work_dependency,
)
from shop.db.tenancy import Tenant
from shop.db.tenancy.request import tenant_dependency
from tests.proofs.tenancy.tables import (
    TENANTS,
    Base,
    Customer,
    Order,
    ReadUnitOfWork,
    Shop,
    UnitOfWork,
)

TOKENS = {f"token-{number}": tenant for number, tenant in enumerate(TENANTS)}

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
FAULTS = {
    "division": "SELECT 1 / 0",
    "own": "SELECT pg_terminate_backend(pg_backend_pid())",
    "others": f"{TERMINATE} AND pid <> pg_backend_pid()",
}

_log = logging.getLogger(__name__)


async def get_tenant(authorization: Annotated[str, Header()] = "") -> Tenant | None:
    if authorization and authorization not in TOKENS:
        raise HTTPException(401, "the token is not valid")
    return TOKENS.get(authorization)


def as_tenant(tenant: Tenant | None) -> dict[str, str]:
    """Return the headers of a request by a tenant."""
    found = [token for token, each in TOKENS.items() if each == tenant]
    return {"Authorization": found[0]} if found else {}


open_unit_of_work = unit_of_work_dependency()
Work = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
Reads = Annotated[ReadUnitOfWork, Depends(open_unit_of_work, scope="function")]
Opened = Annotated[Shop, Depends(get_database)]
router = APIRouter()
retried = APIRouter(route_class=RetriedRoute)


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    email: str
    note: str


class New(BaseModel):
    email: str
    note: str


def application(database: Shop) -> FastAPI:
    """Return the application. Its lifespan does not run."""
    app = FastAPI()
    install(app, Base.metadata, statuses={CommitUnknown: 503, InsufficientPrivilege: 403})
    for each in (router, retried):
        app.include_router(each, dependencies=[Depends(tenant_dependency(get_tenant))])
    app.state.database = database
    return app


@router.post("/customers", status_code=201)
async def add(uow: Work, given: New, response: Response) -> Shown:
    customer = await uow.customers.add(Customer(**given.model_dump()))
    response.headers["Location"] = f"/customers/{customer.id}"
    return Shown.model_validate(customer)


@router.get("/customers/{key}")
async def get(reads: Reads, key: uuid.UUID) -> Shown:
    return Shown.model_validate(await reads.customers.get_one(key))


@router.delete("/customers/{key}", status_code=204)
async def delete(uow: Work, key: uuid.UUID) -> None:
    if not await uow.customers.delete_where(Customer.id == key):
        raise NotFound


@router.get("/customers")
async def list_page(
    reads: Reads, paging: Paging, request: Request, response: Response
) -> PageOf[Shown]:
    order = [Customer.note, Customer.email]  # so a cursor has the tenant
    page = await reads.customers.paginate(order_by=order, limit=paging.limit, cursor=paging.cursor)
    set_page_links(request, response, page)
    return PageOf[Shown].model_validate(page, from_attributes=True)


@router.get("/counts/{own}")
async def count(reads: Reads, own: str) -> Sequence[int]:
    """Return the number of all customers, and of those that a tenant wrote."""
    query = "SELECT count(*), count(*) FILTER (WHERE starts_with(note, :own)) FROM customers"
    return tuple((await reads.session.execute(text(query), {"own": own})).one())


@router.post("/orders", status_code=201)
async def add_order(uow: Work, customer: uuid.UUID, response: Response) -> uuid.UUID:
    order = await uow.orders.add(Order(customer_id=customer, amount=1))
    set_etag(response, order)
    response.headers["Location"] = f"/orders/{order.id}"
    return order.id


@router.patch("/orders/{key}", status_code=204)
async def change_order(
    uow: Work, key: uuid.UUID, response: Response, if_match: IfMatch = None
) -> None:
    order = await uow.orders.get_one(key)
    check_if_match(order, if_match)
    set_etag(response, await uow.orders.update(order, amount=order.amount + 1))


@retried.put("/customers")
async def put_twice(uow: Work, given: New, request: Request) -> int:
    """Write a customer in the second attempt, and mark all customers of the tenant."""
    request.state.runs = getattr(request.state, "runs", 0) + 1
    target = [Customer.tenant_id, Customer.email]
    await uow.customers.upsert_rows([given.model_dump()], conflict_target=target)
    await uow.session.execute(text("UPDATE customers SET note = :note"), {"note": given.note})
    if request.state.runs < 2:
        raise DeadlockDetected
    return int(request.state.runs)


@router.post("/gifts/{other}")
async def give(uow: Work, other: uuid.UUID, given: New) -> None:
    await uow.customers.insert_rows([{"tenant_id": other, **given.model_dump()}])


@router.get("/export")
async def export(database: Opened) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        async with database.unit_of_work(read_only=True) as reads:
            found = await reads.session.stream(select(Customer.id, Customer.note))
            async for key, note in found:
                yield f"{key} {note}\n"
                await asyncio.sleep(0)  # other requests run between two lines

    return StreamingResponse(lines(), media_type="text/plain")


@router.post("/reports", status_code=202)
async def report(database: Opened, background: BackgroundTasks) -> None:
    async def write() -> None:
        async with database.unit_of_work(read_only=True) as reads:
            found = await reads.session.scalars(select(Customer.note))
        _log.info("a report of %s", found.all())

    background.add_task(write)


@router.get("/faults/{fault}")
@transaction_options(read_only=False)
async def fail(uow: Work, fault: str) -> None:
    await uow.session.execute(text("SELECT note FROM customers FOR UPDATE"))
    await uow.session.execute(text(FAULTS[fault]))
    raise ZeroDivisionError


@router.get("/slow")
async def wait(reads: Reads) -> list[Any]:
    found = await reads.session.execute(text("SELECT note, pg_sleep(0.01) FROM customers"))
    return [note for note, _ in found]


@router.get("/open")
async def count_without_a_tenant(reads: Reads) -> Any:
    return await reads.session.scalar(text("SELECT count(*) FROM customers"))
