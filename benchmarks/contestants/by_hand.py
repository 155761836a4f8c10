"""Two services on plain SQLAlchemy, written by hand.

Both have the routes of our service, with the same parameters, the same limits and the same header `Link`.
Both commit before the response begins. Nothing else is in the first one.

The second one also has what a service in production has. A middleware gives each request an id, counts its
statements and logs its end. GET has a read-only transaction. A slow statement causes a warning.

Limits: they have no problem details, no second attempts, and no check of the schema.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from time import monotonic
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel, ConfigDict
from sqlalchemy import event, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from shop.db.fastapi import PageOf
from shop.db.mixins import uuid7

from .page import ORDER
from .tables import Item, Target
from .world import POOL, World

# The providers of telemetry are those of the process, so FastAPI would also observe these services.
NOT_OBSERVED: TelemetryConfig = {"tracing": False, "metrics": False}

_log = logging.getLogger(__name__)
_statements: ContextVar[list[str]] = ContextVar("statements by hand")


class NewItem(BaseModel):
    code: str
    title: str
    body: str
    published: bool
    views: int


class FullItem(NewItem):
    model_config = ConfigDict(from_attributes=True)

    id: uuid7.Key


def by_hand(world: World) -> FastAPI:
    async def get_session() -> AsyncIterator[AsyncSession]:
        async with world.sessions.begin() as session:
            yield session

    app = FastAPI(telemetry=NOT_OBSERVED)
    app.include_router(routes(get_session))
    return app


def logged_by_hand(world: World) -> FastAPI:
    engine = create_async_engine(world.engine.url, pool_size=POOL, max_overflow=0)
    reading = engine.execution_options(postgresql_readonly=True)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def start(*arguments: Any) -> None:
        arguments[4].started = monotonic()

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(*arguments: Any) -> None:
        _, _, statement, _, context, _ = arguments
        _statements.get([]).append(statement)
        if monotonic() - context.started > 1:
            _log.warning("a slow statement: %s", statement)

    async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
        bind = reading if request.method == "GET" else engine
        async with sessions(bind=bind) as session, session.begin():
            yield session

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan, telemetry=NOT_OBSERVED)
    app.add_middleware(Log)
    app.include_router(routes(get_session))
    return app


class Log:
    """The middleware that somebody writes by hand: an id, and a line for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id, began, status = uuid4().hex, monotonic(), 500
        ran: list[str] = []
        _statements.set(ran)
        clear_contextvars()
        bind_contextvars(request_id=request_id)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            figures = {"seconds": monotonic() - began, "statements": len(ran)}
            _log.info("%s %s %s", scope["method"], scope["path"], status, extra=figures)


def routes(get_session: Callable[..., AsyncIterator[AsyncSession]]) -> APIRouter:
    router = APIRouter()

    @router.get("/items/{key}", response_model=FullItem)
    async def read(
        session: Annotated[AsyncSession, Depends(get_session, scope="function")], key: uuid7.Key
    ) -> Item:
        return await session.get_one(Item, key)

    @router.get("/items", response_model=PageOf[FullItem])
    async def page(
        session: Annotated[AsyncSession, Depends(get_session, scope="function")],
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> dict[str, Any]:
        statement = select(Item).order_by(*ORDER).limit(limit + 1)
        if cursor:
            created_at, key = json.loads(cursor)
            after = datetime.fromisoformat(created_at), UUID(key)
            statement = statement.where(tuple_(Item.created_at, Item.id) < after)
        items = (await session.scalars(statement)).all()
        following = None
        if len(items) > limit:
            last = items[limit - 1]
            following = json.dumps([last.created_at.isoformat(), str(last.id)])
            url = request.url.include_query_params(cursor=following)
            response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return {"items": items[:limit], "next": following, "previous": None}

    @router.post("/items", status_code=201, response_model=FullItem)
    async def create(
        session: Annotated[AsyncSession, Depends(get_session, scope="function")], given: NewItem
    ) -> Target:
        target = Target(**given.model_dump())
        session.add(target)
        await session.flush()
        return target

    return router
