"""The rows of docs/coming-from.md about sessions, the engine and the pool. They run in a rendered project.

The docstring of a test is the first cell of its row.
"""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import AsyncAdaptedQueuePool, NullPool, event, func, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from shop.db import DatabaseSettings
from shop.db.errors import SettingsError, UniqueViolation, UnitOfWorkError
from shop.models import Key, User
from shop.unit_of_work import Database, UnitOfWork


class GaveUpError(Exception): ...


def person(name: str) -> User:
    return User(email=f"{name}@example.com", username=name, password_hash="…")


async def test_commit(uow: UnitOfWork) -> None:
    """`session.commit()` in a repository or a service"""
    with pytest.raises(UnitOfWorkError):
        await uow.session.commit()


async def test_commit_of_the_unit_of_work(isolated: Database) -> None:
    """`await uow.commit()`"""
    assert not hasattr(UnitOfWork, "commit")
    with pytest.raises(GaveUpError):
        async with isolated.unit_of_work() as uow:
            await uow.users.add(person("ada"))
            raise GaveUpError
    async with isolated.unit_of_work() as uow:
        assert await uow.users.count() == 0


async def test_session_per_request(database: Database) -> None:
    """a session per request, with the commit in a dependency"""
    order: list[str] = []
    app = FastAPI()

    async def opened() -> AsyncIterator[AsyncSession]:
        async with database.sessions() as session:
            yield session
            await session.commit()
            order.append("commit")

    @app.post("/")
    async def add(session: Annotated[AsyncSession, Depends(opened)]) -> None:
        session.add(person("ada"))

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def told(message: MutableMapping[str, Any]) -> None:
            order.append(message["type"])
            await send(message)

        await app(scope, receive, told)

    transport = httpx.ASGITransport(watched)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.post("/")
    assert order == ["http.response.start", "http.response.body", "commit"]


async def test_integrity_error(uow: UnitOfWork) -> None:
    """`except IntegrityError`"""
    await uow.users.add(person("ada"))
    with pytest.raises(UniqueViolation) as violation:
        await uow.users.add(person("ada"))
    assert not isinstance(violation.value, IntegrityError)
    assert violation.value.constraint == "uq_users_email"


async def test_check_then_insert(database: Database) -> None:
    """look for a row, then insert it"""
    both = asyncio.Barrier(2)

    async def once() -> None:
        async with database.unit_of_work() as uow:
            assert await uow.users.by_username("ada") is None
            await both.wait()
            await uow.users.add(person("ada"))

    first, second = await asyncio.gather(once(), once(), return_exceptions=True)
    assert isinstance(first or second, UniqueViolation)


async def test_autoflush(uow: UnitOfWork) -> None:
    """`autoflush=False`"""
    uow.session.add(person("ada"))
    assert await uow.users.by_username("ada") is not None


async def test_refresh(uow: UnitOfWork) -> None:
    """`session.refresh()` after each write"""
    ada = await uow.users.add(person("ada"))
    assert ada.created_at is not None
    assert ada.credits == 0
    await uow.session.refresh(ada, ["posts"])
    assert ada.posts == []


async def test_expire_on_commit(isolated: Database) -> None:
    """`expire_on_commit` and `MissingGreenlet` after the commit"""
    async with isolated.unit_of_work() as uow:
        ada = await uow.users.add(person("ada"))
    assert ada.username == "ada"


async def test_to_entity(uow: UnitOfWork) -> None:
    """`_to_entity()` and a second class for each model"""
    ada = await uow.users.add(person("ada"))
    assert await uow.users.get_one(ada.id) is ada


async def test_mappings(uow: UnitOfWork) -> None:
    """`result.mappings()`"""
    await uow.users.add(person("ada"))
    found = await uow.session.execute(select(User.username))
    assert [row["username"] for row in found.mappings()] == ["ada"]


async def test_query(uow: UnitOfWork) -> None:
    """`session.query(User)`"""
    assert not hasattr(uow.session, "query")
    assert (await uow.session.scalars(select(User))).all() == await uow.users.all()


async def test_gather(uow: UnitOfWork) -> None:
    """`asyncio.gather()` on one session"""
    naps = [uow.session.execute(text("SELECT pg_sleep(0.01)")) for _ in range(2)]
    done = await asyncio.gather(*naps, return_exceptions=True)
    assert UnitOfWorkError in {type(each) for each in done}


async def test_lazy_loading(isolated: Database) -> None:
    """reading `user.posts`, which was not loaded"""
    async with isolated.unit_of_work() as uow:
        ada = await uow.users.add(person("ada"))
    async with isolated.unit_of_work() as uow:
        with pytest.raises(InvalidRequestError, match="raise_on_sql"):
            _ = (await uow.users.get_one(ada.id)).posts
        assert (await uow.users.with_posts(ada.id)).posts == []


async def test_retry_of_a_method(isolated: Database) -> None:
    """`@retry` of tenacity around a method of a repository"""
    with pytest.raises(UnitOfWorkError):
        async with isolated.unit_of_work() as uow:
            await uow.users.add(person("ada"))
            for _ in range(2):
                with pytest.raises((UniqueViolation, UnitOfWorkError)) as error:
                    await uow.users.add(person("ada"))
            assert error.type is UnitOfWorkError


async def test_offset(uow: UnitOfWork) -> None:
    """LIMIT and OFFSET for pages"""
    await uow.users.add_many(map(person, ("ada", "bob", "eve")))
    order = [User.username]
    page, total = await uow.users.all_and_count(order_by=order, limit=1, offset=1)
    assert ([user.username for user in page], total) == (["bob"], 3)
    first = await uow.users.paginate(order_by=order, limit=1)
    second = await uow.users.paginate(order_by=order, limit=1, cursor=first.next)
    assert [*second.items] == [*page]


async def test_health_check(database: Database) -> None:
    """`SELECT 1` as a health check"""
    async with database.engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    assert (await database.health()).ok


async def test_events_of_the_async_session(uow: UnitOfWork) -> None:
    """`event.listens_for(AsyncSession, …)`"""
    with pytest.raises(InvalidRequestError, match="No such event"):
        event.listen(AsyncSession, "after_flush", print)
    flushes: list[object] = []

    def count(session: Session, _: object) -> None:
        flushes.append(session)

    event.listen(uow.session.sync_session, "after_flush", count)
    await uow.users.add(person("ada"))
    assert flushes == [uow.session.sync_session]


async def test_set_config(database: Database) -> None:
    """`set_config('app.tenant', …, false)`"""
    async with database.engine.begin() as connection:
        await connection.execute(select(func.set_config("app.tenant", "7", False)))
    async with database.unit_of_work() as uow:  # the next request
        assert await uow.session.scalar(text("SHOW app.tenant")) == "7"


async def test_handler_of_messages(isolated: Database) -> None:
    """a handler of a bot, a consumer of a queue"""

    async def handle(name: str) -> Key:
        return (await isolated.transact(lambda uow: uow.users.add(person(name)))).id

    for message in ("ada", "ada", "bob"):
        try:
            await handle(message)
        except UniqueViolation:
            continue
    async with isolated.unit_of_work() as uow:
        assert await uow.users.count() == 2


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> DatabaseSettings:
    """Return the settings of an environment with these variables."""
    for name, value in ({"URL": "postgresql://shop@localhost/shop"} | variables).items():
        monkeypatch.setenv(f"DATABASE_{name}", value)
    return DatabaseSettings(_env_file=None)


async def test_another_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """`postgresql+psycopg2://…`"""
    with pytest.raises(SettingsError, match="without the name of another driver"):
        settings(monkeypatch, URL="postgresql+psycopg2://shop@localhost/shop")
    assert settings(monkeypatch).url.drivername == "postgresql+asyncpg"


async def test_pre_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pool_pre_ping=True`"""
    assert settings(monkeypatch).pool_ping_after_idle == 30
    assert settings(monkeypatch, POOL_PING_AFTER_IDLE="0").pool_ping_after_idle == 0


async def test_null_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """`poolclass=NullPool`, `pool_nullpool=True`"""
    async with Database(settings(monkeypatch, POOL="null")) as database:
        assert isinstance(database.engine.sync_engine.pool, NullPool)


async def test_queue_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """`poolclass=QueuePool`"""
    async with Database(settings(monkeypatch)) as database:
        assert isinstance(database.engine.sync_engine.pool, AsyncAdaptedQueuePool)


@pytest.mark.parametrize("pgbouncer", [False, True])
async def test_statement_cache(database: Database, pgbouncer: bool) -> None:
    """`statement_cache_size=0` for PgBouncer"""
    own = database.settings.model_copy(update={"pgbouncer": pgbouncer})
    async with Database(own) as behind, behind.unit_of_work() as uow:
        for _ in range(2):
            await uow.users.count()
        prepared = (
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%count(*)%users%'"
        )
        assert bool(await uow.session.scalar(text(prepared))) is not pgbouncer
        assert await uow.session.scalar(text("SHOW lock_timeout")) == "10s"


async def test_slow_statements(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """`log_min_duration_statement` on the server"""
    own = database.settings.model_copy(update={"log_statements_longer_than": 0.01})
    async with Database(own) as watched, watched.unit_of_work() as uow:
        await uow.session.execute(text("SELECT pg_sleep(0.05)"))
    messages = [record.getMessage() for record in caplog.records]
    assert [each for each in messages if "SELECT pg_sleep(0.05)" in each]
