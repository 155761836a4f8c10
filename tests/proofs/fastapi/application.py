"""A small web application on `db/fastapi/`, with the example's tables.

It imports only names of the layer that are frozen: `tests/test_seams.py` lists them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy import select, text

from shop.api.logs import configure_logging
from shop.db import DatabaseSettings, errors
from shop.db.fastapi import (
    PageOf,
    Paging,
    RetriedRoute,
    WebSettings,
    get_database,
    install,
    problem_responses,
    serving,
    set_page_links,
    transaction_options,
    unit_of_work_dependency,
)
from shop.models import Base, Key, Post
from shop.services.credits import InsufficientCredits, transfer
from shop.unit_of_work import Database, ReadUnitOfWork, UnitOfWork
from tests.factories import UserFactory
from tests.proofs.support.actors import Actor


async def actor(request: Request, x_actor: Annotated[str, Header()] = "nobody") -> Actor:
    request.app.state.tasks.append(asyncio.current_task())
    return Actor(x_actor)


open_unit_of_work = unit_of_work_dependency(actor)

App = Annotated[Database, Depends(get_database)]
Work = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
Reads = Annotated[ReadUnitOfWork, Depends(open_unit_of_work, scope="function")]
LateWork = Annotated[UnitOfWork, Depends(open_unit_of_work)]  # FastAPI's default scope


class Move(BaseModel):
    sender: Key
    recipient: Key
    amount: int = 1
    faults: int = 0
    fault: Literal["conflict", "lost connection"] = "conflict"


FAULTS = {
    "conflict": "DO $$BEGIN RAISE SQLSTATE '40001'; END$$",
    "lost connection": "SELECT pg_terminate_backend(pg_backend_pid())",
}


async def obey(uow: UnitOfWork, order: Move, run: int) -> None:
    """Move credits. The first `order.faults` runs fail after that."""
    await transfer(uow, sender=order.sender, recipient=order.recipient, amount=order.amount)
    if run <= order.faults:
        await uow.session.execute(text(FAULTS[order.fault]))


retried = APIRouter(route_class=RetriedRoute)
router = APIRouter()


class Title(BaseModel):
    title: str


def application(settings: DatabaseSettings, **values: Any) -> FastAPI:
    """Return the application.

    Args:
        values: values of `WebSettings`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        web = WebSettings(_env_file=None, **values)
        configure_logging(web.log_level)
        async with Database(settings) as database, serving(app, database, web):
            yield

    app = FastAPI(lifespan=lifespan, responses=problem_responses(404, 409, 422, 500, 503))
    app.state.tasks, app.state.sessions, app.state.runs = [], [], 0
    app.state.noted = asyncio.Queue()
    app.state.together = asyncio.Barrier(10)
    app.state.begun, app.state.go_on = asyncio.Event(), asyncio.Event()
    install(app, Base.metadata, statuses={InsufficientCredits: 422})
    app.include_router(router)
    app.include_router(retried)
    return app


@router.post("/posts/{author}/{title}", status_code=201)
async def add_post(
    uow: Work, database: App, background: BackgroundTasks, request: Request, author: Key, title: str
) -> str:
    async def note(what: str) -> None:
        async with database.unit_of_work(read_only=True) as reads:  # the unit of work has ended
            await request.app.state.noted.put((what, await reads.posts.count()))

    uow.after_commit(partial(note, "after the commit"))
    background.add_task(note, "in the background")
    await uow.posts.add(Post(author_id=author, title=title, body=""))
    return "added"


@router.post("/late/{author}/{title}")
async def add_post_late(uow: LateWork, author: Key, title: str) -> str:
    await uow.posts.add(Post(author_id=author, title=title, body=""))
    return "added"


@router.post("/refused/{author}/{title}")
async def refuse_post(uow: Work, author: Key, title: str) -> str:
    await uow.posts.add(Post(author_id=author, title=title, body=""))
    raise HTTPException(418)


@router.get("/actor")
async def who_am_i(reads: Reads) -> list[str]:
    setting = await reads.session.scalar(text("SELECT current_setting('app.actor', true)"))
    return [reads.session.info[Actor].name, setting or ""]


@router.get("/changes/{author}")
async def change_in_a_get(reads: Reads, author: Key) -> None:
    reads.session.add(Post(author_id=author, title="never", body=""))


@router.get("/changes-by-work/{author}")
async def change_in_a_get_that_takes_work(uow: Work, author: Key) -> None:
    await uow.posts.add(Post(author_id=author, title="never", body=""))


@router.get("/writes/{author}")
@transaction_options(read_only=False, isolation_level="SERIALIZABLE")
async def write_in_a_get(uow: Work, author: Key) -> str:
    await uow.posts.add(Post(author_id=author, title="by a GET", body=""))
    return str(await uow.session.scalar(text("SHOW transaction_isolation")))


@router.post("/users/{name}", status_code=201)
async def add_user(uow: Work, name: str) -> None:
    await uow.users.add(UserFactory.build(username=name))


@router.get("/loops/{times}")
async def run_a_statement_in_a_loop(reads: Reads, times: int) -> None:
    for _ in range(times):
        await reads.session.execute(text("SELECT 'loop'"))


@router.get("/waits")
async def wait(reads: Reads, request: Request) -> None:
    await reads.session.execute(text("SELECT 1"))
    request.app.state.begun.set()
    await request.app.state.go_on.wait()


@router.get("/errors/{name}")
async def raise_an_error(name: str) -> None:
    raise getattr(errors, name)("secret at /srv/shop/db.py:1 on db.example")


@router.get("/posts/{post}")
async def post_title(reads: Reads, post: Key) -> str:
    return (await reads.posts.get_one(post)).title


@router.get("/pages")
async def page_of_posts(
    reads: Reads, paging: Paging, request: Request, response: Response
) -> PageOf[Title]:
    page = await reads.posts.published(limit=paging.limit, cursor=paging.cursor)
    set_page_links(request, response, page)
    return PageOf[Title].model_validate(page, from_attributes=True)


@router.get("/posts")
async def all_posts(database: App) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        # This begins after the route and its dependencies have ended.
        async with database.unit_of_work(read_only=True) as reads:
            rows = await reads.session.stream(select(Post.title, Post.body))
            async for part in rows.partitions(200):
                yield "".join(f"{title} {body}\n" for title, body in part)

    return StreamingResponse(lines(), media_type="text/plain")


@router.post("/moves")
async def move(uow: Work, order: Move, request: Request) -> dict[str, int]:
    request.app.state.tasks.append(asyncio.current_task())
    request.app.state.sessions.append(uow.session)
    row = (await uow.session.execute(text("SELECT pg_backend_pid(), txid_current()"))).one()
    if "together" in request.query_params:
        await request.app.state.together.wait()
    await transfer(uow, sender=order.sender, recipient=order.recipient, amount=order.amount)
    return {"backend": row[0], "transaction": row[1]}


@router.post("/transactions")
async def move_in_a_function_that_runs_again(database: App, order: Move) -> int:
    runs = 0

    async def work(uow: UnitOfWork) -> None:
        nonlocal runs
        runs += 1
        await obey(uow, order, runs)

    await database.transact(work)
    return runs


@retried.post("/retried-moves")
async def move_in_a_route_that_runs_again(
    uow: Work, order: Move, request: Request, background: BackgroundTasks
) -> int:
    request.app.state.runs += 1
    background.add_task(request.app.state.noted.put, request.app.state.runs)
    await obey(uow, order, request.app.state.runs)
    return int(request.app.state.runs)


async def until_the_response(request: Request) -> AsyncIterator[None]:
    request.app.state.noted.put_nowait("begin")
    try:
        yield
    finally:
        request.app.state.noted.put_nowait("end")


@retried.get("/retried-bodies", dependencies=[Depends(until_the_response)])
@retried.post("/retried-bodies", dependencies=[Depends(until_the_response)])
async def read_the_body_in_each_run(request: Request) -> str:
    request.app.state.runs += 1
    body = b"".join([part async for part in request.stream()])
    if request.app.state.runs < 3:
        raise errors.DeadlockDetected
    return body.decode()


@retried.post("/late-retried/{author}")
async def add_post_late_in_each_run(uow: LateWork, author: Key, request: Request) -> int:
    request.app.state.runs += 1
    await uow.posts.add(Post(author_id=author, title=str(request.app.state.runs), body=""))
    if request.app.state.runs < 2:
        raise errors.DeadlockDetected
    return int(request.app.state.runs)


@retried.post("/uploads")
async def upload(file: UploadFile, request: Request) -> None:
    request.app.state.runs += 1
    raise errors.DeadlockDetected


@retried.post("/forms")
async def read_a_form_by_hand(request: Request) -> str:
    request.app.state.runs += 1
    file = (await request.form())["file"]
    content = file if isinstance(file, str) else (await file.read()).decode()
    if request.app.state.runs < 2:
        raise errors.DeadlockDetected
    return content


@router.post("/lost-moves")
async def lose_the_connection(uow: Work, order: Move) -> None:
    await obey(uow, order.model_copy(update={"faults": 1, "fault": "lost connection"}), 1)


@router.post("/nested-moves")
async def open_another(uow: Work, database: App, order: Move) -> None:
    await database.transact(
        partial(transfer, sender=order.sender, recipient=order.recipient, amount=order.amount)
    )
