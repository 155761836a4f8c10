"""A real PgBouncer in transaction mode: each transaction may get another server connection."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import errors
from tests.proofs.support.faults import BUSY, Shop, backend_of, make_users, opened, wait_until
from tests.proofs.support.pgbouncer import pgbouncer
from tests.proofs.support.pgbouncer_load import leave_out, load

Record = Callable[[str, object], None]

STARTUP = "statement_timeout,lock_timeout,idle_in_transaction_session_timeout"


async def test_two_hundred_tasks_of_four_processes_succeed(
    fresh_database_url: URL, record_property: Record
) -> None:
    with pgbouncer(fresh_database_url) as url:
        environment = os.environ | {
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "DATABASE_PGBOUNCER": "true",
            "DATABASE_POOL_TIMEOUT": "60",
            "DATABASE_STATEMENT_TIMEOUT": "20",
        }
        command = [sys.executable, "-m", "tests.proofs.support.pgbouncer_load", "50"]
        programs = [
            await asyncio.create_subprocess_exec(
                *command, env=environment, stdout=asyncio.subprocess.PIPE
            )
            for _ in range(4)
        ]
        outputs = await asyncio.gather(*(program.communicate() for program in programs))

    results = sum((Counter(json.loads(output)) for output, _ in outputs), Counter[str]())
    record_property("through PgBouncer, of 200 tasks", dict(results))
    assert results == {"passed": 200}


async def by_four_applications(url: URL, *left_out: str, **settings: Any) -> Counter[str]:
    """Run 40 tasks in this process."""
    settings = {
        "statement_timeout": 20,
        "pool_timeout": 60,
        "pool_size": 2,
        "max_overflow": 0,
    } | settings
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened(url, **settings)) for _ in range(4)]
        for database in databases:
            leave_out(database, *left_out)
        results = await asyncio.gather(*(load(database, 10) for database in databases))
        return sum(results, Counter[str]())


@pytest.mark.parametrize("ignored", ["", STARTUP])
async def test_without_the_setting_most_tasks_fail(
    fresh_database_url: URL, record_property: Record, ignored: str
) -> None:
    """PgBouncer refuses timeouts at connect. If it ignores them, the statements fail."""
    with pgbouncer(fresh_database_url, ignore_startup_parameters=ignored) as url:
        results = await by_four_applications(url, pool_size=10)

    name = "timeouts ignored" if ignored else "timeouts refused"
    record_property(f"through PgBouncer without the setting, {name}, of 40 tasks", dict(results))
    assert results["passed"] < 20


async def test_a_statement_that_the_driver_keeps_is_missing_in_the_next_transaction(
    fresh_database_url: URL, record_property: Record
) -> None:
    with pgbouncer(fresh_database_url, default_pool_size=3) as url:
        rightly = await by_four_applications(url, pgbouncer=True)
    with pgbouncer(fresh_database_url, default_pool_size=3) as url:
        wrongly = await by_four_applications(url, "statement_cache_size", pgbouncer=True)

    record_property("through PgBouncer without statement_cache_size, of 40 tasks", dict(wrongly))
    assert rightly == {"passed": 40}
    assert wrongly["passed"] < 40


async def test_a_statement_that_sqlalchemy_keeps_reads_wrong_values_after_a_schema_change(
    fresh_database_url: URL, server: AsyncConnection
) -> None:
    async def read(database: Shop) -> object:
        async with database.unit_of_work() as uow:
            return await uow.session.scalar(text("SELECT number FROM numbers"))

    await server.execute(text("CREATE TABLE numbers AS SELECT 7::bigint AS number"))
    with pgbouncer(fresh_database_url) as url:
        async with opened(url, pgbouncer=True) as right, opened(url, pgbouncer=True) as wrong:
            leave_out(wrong, "prepared_statement_cache_size")
            assert [await read(right), await read(wrong)] == [7, 7]
            await server.execute(text("ALTER TABLE numbers ALTER number TYPE double precision"))

            assert await read(right) == 7
            assert await read(wrong) == 4619567317775286272  # the bytes of 7.0, without an error


async def test_timeouts_apply_to_a_transaction_and_to_no_other_client(
    fresh_database_url: URL,
) -> None:
    timeouts = {
        "statement_timeout": 0.25,
        "lock_timeout": 0.125,
        "idle_in_transaction_session_timeout": 50,
    }
    with pgbouncer(fresh_database_url, default_pool_size=1) as url:
        async with opened(url, pgbouncer=True, **timeouts) as database:
            async with database.unit_of_work() as uow:
                backend = await backend_of(uow)
                inside = [await uow.session.scalar(text(f"SHOW {name}")) for name in timeouts]
            other = await client(url)
            outside = [await other.fetchval(f"SHOW {name}") for name in timeouts]
            assert await other.fetchval("SELECT pg_backend_pid()") == backend
            await other.close()

            assert inside == ["250ms", "125ms", "50s"]
            assert outside == ["0", "0", "0"]
            with pytest.raises(errors.QueryCanceled):
                async with database.unit_of_work() as uow:
                    await uow.session.execute(text("SELECT pg_sleep(60)"))
            async with database.unit_of_work() as uow:
                assert await backend_of(uow) == backend


async def test_a_plain_set_reaches_the_next_client(fresh_database_url: URL) -> None:
    with pgbouncer(fresh_database_url, default_pool_size=1) as url:
        one, other = await client(url), await client(url)
        await one.execute("SET statement_timeout = 250")

        assert (
            await other.fetchval("SHOW statement_timeout") == "250ms"
        )  # the wrong recipe changes it
        for each in (one, other):
            await each.close()


async def client(url: URL) -> Any:
    """Another client of PgBouncer."""
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return await asyncpg.connect(address, statement_cache_size=0)


async def test_a_cancellation_reaches_the_server_through_pgbouncer(
    fresh_database_url: URL, server: AsyncConnection
) -> None:
    with pgbouncer(fresh_database_url, default_pool_size=1) as url:
        async with opened(url, pgbouncer=True) as database:
            await make_users(database)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), database.unit_of_work() as uow:
                    await uow.session.execute(text("SELECT pg_sleep(60)"))

            await wait_until(server, BUSY, 0)
            async with database.unit_of_work() as uow:
                assert await uow.users.count() == 2
