"""A very small web application that uses the layer as intended."""

import asyncio
import http
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from sqlalchemy import select, text

from shop.db import Database, DatabaseSettings, errors
from shop.models import Key, Post
from shop.services.credits import InsufficientCredits, transfer
from shop.unit_of_work import UnitOfWork

STATUS: list[tuple[type[Exception], int]] = [
    (errors.NotFound, 404),
    (errors.UniqueViolation, 409),
    (errors.ForeignKeyViolation, 409),
    (errors.ConstraintViolation, 422),
    (InsufficientCredits, 422),
    (errors.TransientError, 503),
    (errors.PoolTimeout, 503),
    (errors.DatabaseError, 500),
]


async def problem(_: Request, error: Exception) -> JSONResponse:
    """Return an error as in RFC 9457. The messages of the layer have no values and no SQL."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    title = http.HTTPStatus(status).phrase
    body = {"title": title, "status": status, "detail": str(error)}
    return JSONResponse(body, status, media_type="application/problem+json")


async def the_database(request: Request) -> Database[UnitOfWork]:
    database = request.app.state.database
    assert isinstance(database, Database)
    return database


App = Annotated[Database[UnitOfWork], Depends(the_database)]


async def unit_of_work(request: Request, database: App) -> AsyncIterator[UnitOfWork]:
    tasks: list[asyncio.Task[object] | None] = request.app.state.tasks
    tasks.append(asyncio.current_task())
    async with database.unit_of_work() as uow:
        yield uow
    tasks.append(asyncio.current_task())


# With this scope a unit of work ends before the response begins. By default it ends afterwards.
Work = Annotated[UnitOfWork, Depends(unit_of_work, scope="function")]
LateWork = Annotated[UnitOfWork, Depends(unit_of_work)]


class Move(BaseModel):
    sender: Key
    recipient: Key
    amount: int = 1
    faults: int = 0


def application(settings: DatabaseSettings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Database(settings, UnitOfWork) as app.state.database:
            yield

    app = FastAPI(lifespan=lifespan)
    app.state.tasks = []
    app.state.sessions = []
    app.state.together = asyncio.Barrier(10)
    for kind in (errors.DatabaseError, InsufficientCredits):
        app.add_exception_handler(kind, problem)

    @app.post("/posts/{author}/{title}")
    async def add_post(uow: Work, author: Key, title: str) -> str:
        await uow.posts.add(Post(author_id=author, title=title, body=""))
        return "added"

    @app.post("/late/{author}/{title}")
    async def add_post_late(uow: LateWork, author: Key, title: str) -> str:
        await uow.posts.add(Post(author_id=author, title=title, body=""))
        return "added"

    @app.post("/refused/{author}/{title}")
    async def refuse_post(uow: Work, author: Key, title: str) -> str:
        await uow.posts.add(Post(author_id=author, title=title, body=""))
        raise HTTPException(418)

    @app.get("/posts/{post}")
    async def post_title(uow: Work, post: Key) -> str:
        return (await uow.posts.get_one(post)).title

    @app.get("/posts")
    async def all_posts(database: App) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            # A new unit of work, because the handler and its dependencies have ended already.
            async with database.unit_of_work() as uow:
                rows = await uow.session.stream(select(Post.title, Post.body))
                async for part in rows.partitions(200):
                    yield "".join(f"{title} {body}\n" for title, body in part)

        return StreamingResponse(lines(), media_type="text/plain")

    @app.post("/moves")
    async def move(uow: Work, order: Move, request: Request) -> dict[str, int]:
        app.state.tasks.append(asyncio.current_task())
        app.state.sessions.append(uow.session)
        row = (await uow.session.execute(text("SELECT pg_backend_pid(), txid_current()"))).one()
        if "together" in request.query_params:
            await app.state.together.wait()
        await transfer(uow, sender=order.sender, recipient=order.recipient, amount=order.amount)
        return {"backend": row[0], "transaction": row[1]}

    @app.post("/retried-moves")
    async def move_with_retries(database: App, order: Move) -> int:
        runs = 0

        async def work(uow: UnitOfWork) -> None:
            nonlocal runs
            runs += 1
            await transfer(uow, sender=order.sender, recipient=order.recipient, amount=order.amount)
            if runs <= order.faults:
                await uow.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        await database.transact(work)
        return runs

    @app.post("/nested-moves")
    async def open_another(uow: Work, database: App, order: Move) -> None:
        await database.transact(
            partial(transfer, sender=order.sender, recipient=order.recipient, amount=order.amount)
        )

    return app
