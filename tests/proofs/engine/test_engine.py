"""The engine: the effects of its settings on the server, and stale connections."""

import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import NullPool, text

from shop.db import Database, DatabaseSettings, Health, errors, record_queries
from shop.db.engine.create import create_engine
from tests.proofs.support.accounts import Work

Change = Callable[..., DatabaseSettings]


@pytest.fixture
def change(proof_settings: DatabaseSettings) -> Change:
    def change(**values: Any) -> DatabaseSettings:
        return proof_settings.model_copy(update=values)

    return change


async def show(settings: DatabaseSettings, name: str) -> object:
    async with Database(settings, Work) as database, database.unit_of_work() as work:
        return await work.session.scalar(text(f"SHOW {name}"))


async def test_the_servers_timeouts_are_set(change: Change) -> None:
    assert await show(change(statement_timeout=1.25), "statement_timeout") == "1250ms"
    assert await show(change(lock_timeout=2), "lock_timeout") == "2s"
    name = "idle_in_transaction_session_timeout"
    assert await show(change(idle_in_transaction_session_timeout=0), name) == "0"


async def test_the_server_knows_the_application(change: Change) -> None:
    assert await show(change(), "application_name") == "shop"
    assert await show(change(application_name="till"), "application_name") == "till"


async def test_the_null_pool_keeps_no_connection(change: Change) -> None:
    engine = create_engine(change(pool="null"))

    assert isinstance(engine.sync_engine.pool, NullPool)


async def test_a_connection_is_pinged_only_after_it_was_idle(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("shop.db.engine.pool.monotonic", lambda: now)
    async with Database(change(pool_size=1, pool_ping_after_idle=30), Work) as database:
        backend = await backend_of(database)
        await end_backend(database.settings, backend)

        # It was used a moment ago, so there is no ping, and the statement fails.
        now = 30.0
        with pytest.raises(errors.ConnectionFailure):
            await backend_of(database)

        backend = await backend_of(database)
        await end_backend(database.settings, backend)

        # It was idle for longer, so the ping fails, and a new connection takes its place.
        now = 60.1
        assert await backend_of(database) != backend


async def test_each_check_out_can_ping(change: Change) -> None:
    async with Database(change(pool_size=1, pool_ping_after_idle=0), Work) as database:
        backend = await backend_of(database)
        await end_backend(database.settings, backend)

        assert await backend_of(database) != backend


async def test_a_healthy_connection_is_kept_by_its_ping(change: Change) -> None:
    async with Database(change(pool_size=1, pool_ping_after_idle=0), Work) as database:
        backends = {await backend_of(database) for _ in range(3)}

    assert len(backends) == 1


async def test_only_a_connection_that_was_used_before_is_pinged(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[str] = []
    execute = asyncpg.Connection.execute

    async def record(self: Any, query: str, *args: Any, **kwargs: Any) -> Any:
        if query == "SELECT 1":
            pings.append(query)
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(asyncpg.Connection, "execute", record)
    async with Database(change(pool_ping_after_idle=0), Work) as database:
        await backend_of(database)
        assert pings == []
        await backend_of(database)
        assert pings == ["SELECT 1"]


async def backend_of(database: Database[Work]) -> int:
    async with database.unit_of_work() as work:
        return int(await work.session.scalar(text("SELECT pg_backend_pid()")) or 0)


async def end_backend(settings: DatabaseSettings, backend: int) -> None:
    async with Database(settings, Work) as other, other.unit_of_work() as work:
        await work.session.execute(
            text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend}
        )


@pytest.mark.parametrize(
    ("change_url", "kind", "words"),
    [
        (lambda url: url.set(password="wrong"), errors.ConnectionRejected, "password"),
        (lambda url: url.set(database="gone"), errors.ConnectionRejected, "does not exist"),
        (lambda url: url.set(port=1), errors.ConnectionFailure, "cannot be reached"),
        (
            lambda url: url.update_query_dict({"sslmode": "require"}),
            errors.ConnectionRejected,
            "SSL upgrade",
        ),
        (
            lambda url: url.update_query_dict(
                {"sslmode": "verify-ca", "sslrootcert": "/no/such/file"}
            ),
            errors.SettingsError,
            "names is missing",
        ),
        (
            lambda url: url.update_query_dict({"sslmode": "sometimes"}),
            errors.SettingsError,
            "not valid",
        ),
    ],
)
async def test_the_error_about_an_unavailable_database_has_no_password(
    change: Change, change_url: Callable[[Any], Any], kind: type[Exception], words: str
) -> None:
    settings = change(url=change_url(change().url))

    async with Database(settings, Work) as database:
        with pytest.raises(kind, match=words) as error:
            async with database.unit_of_work() as work:
                await work.accounts.count()
        health = await database.health()

    assert health == Health(ok=False, detail=str(error.value))
    assert str(settings.url.password) not in health.detail


async def test_the_wait_for_a_server_that_does_not_answer_is_limited(change: Change) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = change().url.set(port=silent.getsockname()[1])
        async with Database(change(url=url, connect_timeout=0.2), Work) as database:
            with pytest.raises(errors.ConnectionFailure, match="did not answer in time"):
                await backend_of(database)
            assert not (await database.health()).ok


async def test_a_database_that_answers_is_healthy(change: Change) -> None:
    async with Database(change(), Work) as database:
        assert (await database.health()).ok


async def test_disposing_closes_the_connections(change: Change) -> None:
    async with Database(change(application_name="short-lived"), Work) as database:
        await backend_of(database)

    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'short-lived'"
    )
    async with Database(change(), Work) as other, other.sessions() as session:
        for _ in range(100):  # the server notices a moment later
            if await session.scalar(text(query)) == 0:
                break
            await session.rollback()
        else:
            pytest.fail("still connected")


async def test_a_commit_asks_the_server_only_if_the_transaction_may_be_aborted(
    change: Change,
) -> None:
    async with Database(change(), Work) as database:
        with record_queries(database.engine) as statements:
            # The savepoint rolls the error back.
            async with database.unit_of_work() as work:
                with pytest.raises(errors.DataException):
                    async with work.savepoint():
                        await work.session.execute(text("SELECT 1/0"))
            # A rollback undoes the error. Then the same connection runs another statement.
            async with database.engine.connect() as connection:
                with pytest.raises(errors.DataException):
                    await connection.execute(text("SELECT 1/0"))
                await connection.rollback()
                await connection.execute(text("SELECT 2"))
                await connection.commit()
        assert [each.text for each in statements] == ["SELECT 1/0", "SELECT 1/0", "SELECT 2"]

        with pytest.raises(errors.UnitOfWorkError):
            async with database.unit_of_work() as work:
                with pytest.raises(errors.DataException):
                    await work.session.execute(text("SELECT 1/0"))


def test_nothing_happens_at_import() -> None:
    code = (
        "import gc, os, socket, sys\n"
        "import sqlalchemy, sqlalchemy.ext.asyncio, pydantic_settings, stamina, uuid_utils\n"
        "socket.socket.connect = lambda *_: sys.exit('it connects')\n"
        "os.environ['DATABASE_URL'] = 'nonsense'\n"
        "import shop.db, shop.models, shop.repositories, shop.settings, shop.unit_of_work\n"
        "engines = [each for each in gc.get_objects() if isinstance(each, sqlalchemy.Engine)]\n"
        "sys.exit(f'it builds {engines}' if engines else 0)\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
