"""The pool: errors name the holders, long check-outs are logged, and the numbers are right."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import starmap
from typing import Any

import pytest
from sqlalchemy import URL, text

from shop.db import Database, DatabaseSettings, Health, PoolStatus, errors
from shop.db.engine.call_site import CallSite, find_call_site
from shop.db.engine.pool import QueuePool
from shop.db.migrations.settings import MigrationSettings
from tests.proofs.support.accounts import Work

ONE = text("SELECT 1")
Small = Callable[..., Database[Work]]


@pytest.fixture
async def small(proof_settings: DatabaseSettings) -> AsyncIterator[Small]:
    """A function that returns a database with at most two connections."""
    made: list[Database[Work]] = []

    def small(**values: Any) -> Database[Work]:
        values = {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.2, **values}
        made.append(Database(proof_settings.model_copy(update=values), Work))
        return made[-1]

    yield small
    for database in made:
        await database.dispose()


@asynccontextmanager
async def first_holder(database: Database[Work]) -> AsyncIterator[Work]:
    async with database.unit_of_work() as work:
        await work.session.execute(ONE)
        yield work


@asynccontextmanager
async def second_holder(database: Database[Work]) -> AsyncIterator[None]:
    async with database.engine.connect():
        yield


def status(database: Database[Work]) -> PoolStatus:
    assert database.pool is not None
    return database.pool


async def test_the_error_of_an_exhausted_pool_has_its_size_the_wait_and_the_holders(
    small: Small,
) -> None:
    database = small()

    async with first_holder(database), second_holder(database):

        async def in_a_unit_of_work() -> None:
            async with database.unit_of_work() as work:
                await work.accounts.count()

        with pytest.raises(errors.PoolTimeout) as inside:
            await asyncio.create_task(in_a_unit_of_work())
        with pytest.raises(errors.PoolTimeout) as outside:
            async with database.engine.connect():
                pass

    for error in (inside, outside):
        message = str(error.value)
        assert "no connection became free within 0.2 s" in message
        assert "(pool_size 1, max_overflow 1)" in message
        assert re.search(r"longest: [\d.]+ s, taken at \S+test_pool\.py:\d+ first_holder;", message)
        assert re.search(r"; [\d.]+ s, taken at \S+test_pool\.py:\d+ second_holder$", message)


async def test_the_error_names_no_holder_if_all_gave_back_at_that_moment(small: Small) -> None:
    pool: Any = small().engine.sync_engine.pool

    assert pool.explain(0.2).endswith("(pool_size 1, max_overflow 1)")


async def test_the_error_names_the_right_holders_after_a_dispose(small: Small) -> None:
    database = small(max_overflow=0)

    async with second_holder(database):
        await database.dispose()
        async with first_holder(database):
            message = await waiting_for(database)

    assert isinstance(database.engine.sync_engine.pool, QueuePool)
    assert status(database).timeouts == 1
    assert "first_holder" in message
    assert "second_holder" not in message  # its connection does not belong to the new pool


async def test_the_place_is_a_line_of_the_program(
    small: Small, caplog: pytest.LogCaptureFixture
) -> None:
    await small(log_checkouts_longer_than=1e-9).transact(lambda work: work.session.scalar(ONE))
    assert caplog.messages[0].endswith("test_the_place_is_a_line_of_the_program")

    database = small(max_overflow=0)

    async def read(work: Work) -> str:
        await work.accounts.session.scalar(ONE)
        return await waiting_for(database)

    assert re.search(r"test_pool\.py:\d+ \S+<locals>\.read$", await database.transact(read))

    def synchronous(_: object) -> CallSite | None:
        return find_call_site()

    async with database.engine.connect() as connection:
        awaits = await connection.run_sync(synchronous)
    assert awaits is not None
    assert awaits.code.co_name == "test_the_place_is_a_line_of_the_program"

    session = database.sessions()
    await asyncio.create_task(session.execute(ONE))  # no line of the program calls it
    assert "taken at an unknown place" in await waiting_for(database)
    await session.close()


def test_what_starts_the_loop_is_no_place() -> None:
    places: list[CallSite | None] = []
    loop = asyncio.new_event_loop()
    # No line of the program calls it: the loop does, and starmap() is not written in Python.
    loop.call_soon(places.extend, starmap(find_call_site, [()]))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()

    assert places == [None]


async def waiting_for(database: Database[Work]) -> str:
    with pytest.raises(errors.PoolTimeout) as error:
        async with database.engine.connect():
            pass
    return str(error.value)


async def test_the_null_pool_is_never_exhausted(small: Small) -> None:
    database = small(pool="null")

    async with first_holder(database), second_holder(database), second_holder(database):
        assert (await database.health()).ok
        assert database.pool is None


@pytest.mark.parametrize("pool", ["queue", "null"])
async def test_a_connection_that_was_held_for_long_is_logged_with_its_place(
    small: Small,
    pool: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("shop.db.engine.pool.monotonic", lambda: now)
    database, silent = (
        small(pool=pool, log_checkouts_longer_than=10),
        small(pool=pool, log_checkouts_longer_than=0),
    )

    async with first_holder(database):
        now += 10
    assert caplog.records == []

    async with first_holder(database), second_holder(silent):
        now += 10.5
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name == "shop.db.engine.pool"
    message = record.getMessage()
    assert message.startswith("a connection was held for 10.5 s, taken at ")
    assert message.endswith("first_holder")


async def test_a_migration_may_hold_its_connection(proof_settings: DatabaseSettings) -> None:
    settings = MigrationSettings(database_url=proof_settings.url).engine_settings()

    assert settings.log_checkouts_longer_than == settings.log_statements_longer_than == 0


async def test_the_numbers_of_the_pool_are_right(small: Small) -> None:
    database = small()
    assert status(database) == PoolStatus(1, 0, 0, 0, 0, 0, 0)

    async with first_holder(database):
        assert status(database) == PoolStatus(
            size=1, checked_out=1, overflow=0, checkouts=1, timeouts=0, opened=1, closed=0
        )
        async with second_holder(database):
            await waiting_for(database)
            assert status(database) == PoolStatus(
                size=1, checked_out=2, overflow=1, checkouts=2, timeouts=1, opened=2, closed=0
            )
        # The pool keeps the connection that comes back first.
    assert status(database) == PoolStatus(
        size=1, checked_out=0, overflow=0, checkouts=2, timeouts=1, opened=2, closed=1
    )

    await database.dispose()
    async with first_holder(database):
        pass
    assert status(database) == PoolStatus(
        size=1, checked_out=0, overflow=0, checkouts=3, timeouts=1, opened=3, closed=2
    )


async def test_health_distinguishes_an_exhausted_pool_from_a_server_that_does_not_answer(
    small: Small,
) -> None:
    exhausted = small(max_overflow=0, connect_timeout=0.2, pool_timeout=60)
    async with first_holder(exhausted):
        health = await exhausted.health()
    assert health.ok is False
    assert "all of them are in use (pool_size 1, max_overflow 0)" in health.detail
    assert "first_holder" in health.detail

    async with freezable(exhausted.settings.url) as (url, freeze):
        frozen = small(url=url, max_overflow=0, connect_timeout=0.2, pool_timeout=60)
        assert (await frozen.health()).ok
        freeze()
        health = await frozen.health()
        assert health == Health(ok=False, detail="no answer within 0.2 s")
        assert status(frozen).checked_out == 0
        await frozen.dispose()


@asynccontextmanager
async def freezable(url: URL) -> AsyncIterator[tuple[URL, Callable[[], None]]]:
    """A proxy to the server that can be frozen. Then it takes all bytes and answers nothing."""
    flows = asyncio.Event()
    flows.set()
    tasks: set[asyncio.Task[None]] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if flows.is_set():
                writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(url.host, url.port)
        tasks.add(asyncio.create_task(forward(reader, to_there)))
        tasks.add(asyncio.create_task(forward(there, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1]), flows.clear
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
