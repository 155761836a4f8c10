"""Send the same requests to the usual recipe of a session per request, and to this layer.

Most tutorials have this recipe: a dependency that yields a session, and then commits. It has
FastAPI's default scope. docs/web.md has this table.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from shop.db import DatabaseSettings
from shop.db.fastapi import RetriedRoute, install, unit_of_work_dependency
from shop.models import Base, User
from shop.unit_of_work import Database, UnitOfWork
from tests.factories import UserFactory

SMALL = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}

UNIQUE_AT_COMMIT = (
    "ALTER TABLE users ADD CONSTRAINT uq_bio UNIQUE (bio) DEFERRABLE INITIALLY DEFERRED"
)
# The first COMMIT fails, and no other. The sequence counts them, because it is not rolled back.
CONFLICT_AT_COMMIT = (
    "CREATE SEQUENCE commits",
    "CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
    " IF nextval('commits') = 1 THEN RAISE SQLSTATE '40001'; END IF; RETURN NULL; END$$",
    "CREATE CONSTRAINT TRIGGER fail_once AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION fail_once()",
)


class Recipe:
    """An application with two routes that add a user, and the engine of its pool."""

    def __init__(self, app: FastAPI, engine: AsyncEngine) -> None:
        self.app = app
        self.engine = engine
        self.seen: list[int] = []


def usual(url: URL) -> Recipe:
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), **SMALL)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session
            await session.commit()

    app = FastAPI()

    async def add(name: str, session: Annotated[AsyncSession, Depends(get_session)]) -> str:
        session.add(user(name))
        return name

    app.get("/users/{name}")(add)
    app.post("/users/{name}", status_code=201)(add)
    return Recipe(app, engine)


def layered(url: URL) -> Recipe:
    app, router = FastAPI(), APIRouter(route_class=RetriedRoute)
    app.state.database = database = Database(DatabaseSettings(_env_file=None, url=url, **SMALL))
    open_unit_of_work = unit_of_work_dependency()

    async def add(
        name: str, uow: Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
    ) -> str:
        uow.session.add(user(name))
        return name

    router.get("/users/{name}")(add)
    router.post("/users/{name}", status_code=201)(add)
    install(app, Base.metadata)
    app.include_router(router)
    return Recipe(app, database.engine)


def user(name: str) -> User:
    return UserFactory.build(username=name, bio="the same")


class Watched:
    """Wraps the application. When a response begins, it counts the users by another connection."""

    def __init__(self, recipe: Recipe, server: AsyncConnection) -> None:
        self._app: ASGIApp = recipe.app
        self._seen = recipe.seen
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._seen.append(
                    await self._server.scalar(text("SELECT count(*) FROM users")) or 0
                )
            await send(message)

        await self._app(scope, receive, watched)


@asynccontextmanager
async def calling(recipe: Recipe, server: AsyncConnection) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Watched(recipe, server), raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield client
    finally:
        await recipe.engine.dispose()


async def status(client: httpx.AsyncClient, method: str = "POST", name: str = "ada") -> int:
    return (await client.request(method, f"/users/{name}")).status_code


# For each event and each recipe: the status, the number of users when the response begins, and the
# number of users at the end.
TABLE = {
    "a row is added": ((201, 0, 1), (201, 1, 1)),
    "COMMIT finds a violation": ((201, 1, 1), (409, 1, 1)),
    "the name is taken": ((201, 1, 1), (409, 1, 1)),
    "COMMIT meets a conflict": ((201, 0, 0), (201, 1, 1)),
    "a GET writes": ((200, 0, 1), (500, 0, 0)),
    "the pool is exhausted": ((201, 0, 0), (503, 0, 0)),
    "an administrator ends the session": ((201, 0, 0), (201, 1, 1)),
}
Outcome = tuple[int, int, int]


async def answer(
    what: str, recipe: Recipe, client: httpx.AsyncClient, server: AsyncConnection
) -> int:
    if what == "COMMIT finds a violation":
        await server.execute(text(UNIQUE_AT_COMMIT))
        await status(client)
        return await status(client, name="bob")
    if what == "the name is taken":
        await status(client)
        return await status(client)
    if what == "COMMIT meets a conflict":
        for statement in CONFLICT_AT_COMMIT:
            await server.execute(text(statement))
    if what == "a GET writes":
        return await status(client, "GET")
    if what == "the pool is exhausted":
        async with recipe.engine.connect():
            return await status(client)
    if what == "an administrator ends the session":
        async with recipe.engine.connect() as connection:
            backend = await connection.scalar(text("SELECT pg_backend_pid()"))
        await server.execute(text("SELECT pg_terminate_backend(:one, 10000)"), {"one": backend})
    return await status(client)


@pytest.mark.parametrize("what", TABLE)
@pytest.mark.parametrize("make", [usual, layered])
async def test_what_the_usual_recipe_gets_wrong(
    fresh_database_url: URL,
    server: AsyncConnection,
    what: str,
    make: Callable[[URL], Recipe],
) -> None:
    recipe = make(fresh_database_url)
    async with calling(recipe, server) as client:
        given = await answer(what, recipe, client, server)

    rows = await server.scalar(text("SELECT count(*) FROM users"))
    assert (given, recipe.seen[-1], rows) == TABLE[what][make is layered]
