"""A very small web application that uses the layer as intended.

It imports only names of the layer that are frozen: `tests/test_seams.py` lists them.
"""

import asyncio
import http
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy import select, text

from shop.db import DatabaseSettings, errors, retry
from shop.models import Key, Post
from shop.services.credits import InsufficientCredits, transfer
from shop.unit_of_work import Database, ReadUnitOfWork, UnitOfWork
from tests.proofs.support.actors import Actor

# The most specific class counts. Every other error is a mistake of the program: 500 and a traceback.
STATUS: dict[type[Exception], int] = {
    errors.ClientError: 422,
    errors.NotFound: 404,
    errors.ConstraintViolation: 422,
    errors.UniqueViolation: 409,
    errors.ForeignKeyViolation: 409,
    errors.TransientError: 503,
    errors.PoolTimeout: 503,
    errors.LockNotAvailable: 503,
    InsufficientCredits: 422,
}


async def problem(_: Request, error: Exception, *, status: int) -> JSONResponse:
    """Return an error as in RFC 9457. The messages of the layer have no values and no SQL."""
    title = http.HTTPStatus(status).phrase
    body = {"title": title, "status": status, "detail": str(error)}
    return JSONResponse(body, status, media_type="application/problem+json")


async def the_database(request: Request) -> Database:
    database = request.app.state.database
    assert isinstance(database, Database)
    return database


App = Annotated[Database, Depends(the_database)]


async def open_unit_of_work(
    request: Request, database: App, x_actor: Annotated[str, Header()] = "nobody"
) -> AsyncIterator[UnitOfWork | ReadUnitOfWork]:
    tasks: list[asyncio.Task[object] | None] = request.app.state.tasks
    tasks.append(asyncio.current_task())
    if request.method in {"GET", "HEAD"}:
        async with database.unit_of_work(read_only=True, info=Actor(x_actor)) as reads:
            yield reads
    else:
        async with database.unit_of_work(info=Actor(x_actor)) as uow:
            yield uow
    tasks.append(asyncio.current_task())


# With this scope a unit of work ends before the response begins. By default it ends afterwards.
Work = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
Reads = Annotated[ReadUnitOfWork, Depends(open_unit_of_work, scope="function")]
LateWork = Annotated[UnitOfWork, Depends(open_unit_of_work)]


class RetriedRoute(APIRoute):
    """A route that runs its dependencies and its function again after a `TransientError`.

    The client gets nothing before the last run. FastAPI reads the body once.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            # Without this stack FastAPI would commit later, when the route cannot run again.
            async with AsyncExitStack() as request.scope["fastapi_function_astack"]:
                return await handle(request)

        async def handle_with_retries(request: Request) -> Response:
            return await retry(partial(once, request), attempts=3)

        return handle_with_retries


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


def application(settings: DatabaseSettings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Database(settings) as app.state.database:
            yield

    app = FastAPI(lifespan=lifespan)
    app.state.tasks, app.state.sessions, app.state.runs = [], [], 0
    app.state.noted = asyncio.Queue()
    app.state.together = asyncio.Barrier(10)
    for kind, status in STATUS.items():
        app.add_exception_handler(kind, partial(problem, status=status))
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


@router.get("/posts/{post}")
async def post_title(reads: Reads, post: Key) -> str:
    return (await reads.posts.get_one(post)).title


@router.get("/pages")
async def page_of_posts(reads: Reads, cursor: str | None = None) -> list[str]:
    return [post.title for post in (await reads.posts.published(limit=3, cursor=cursor)).items]


@router.get("/posts")
async def all_posts(database: App) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        # The handler and its dependencies have ended when this begins.
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
async def move_in_a_route_that_runs_again(uow: Work, order: Move, request: Request) -> int:
    request.app.state.runs += 1
    await obey(uow, order, request.app.state.runs)
    return int(request.app.state.runs)


@router.post("/nested-moves")
async def open_another(uow: Work, database: App, order: Move) -> None:
    await database.transact(
        partial(transfer, sender=order.sender, recipient=order.recipient, amount=order.amount)
    )
