"""A service of several processes. Each process reads a new row immediately. A shutdown interrupts no request."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import count
from time import monotonic

import httpx
import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.models import Key
from tests.proofs.fastapi.sites import WAITING
from tests.proofs.fastapi.workers import Workers, workers
from tests.proofs.support.faults import (
    SESSIONS,
    credits_by_user,
    make_users,
    opened,
    wait_until,
)
from tests.proofs.support.pgbouncer import pgbouncer
from tests.proofs.support.sampling import FULL

Record = Callable[[str, object], None]

# With a synchronous replica, COMMIT takes as long. The COMMIT of some posts waits until the test allows it.
SLOW_COMMIT = (
    """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        IF NEW.title LIKE 'held%' THEN PERFORM pg_advisory_xact_lock_shared(1);
        ELSE PERFORM pg_sleep(0.02);
        END IF;
        RETURN NULL;
    END$$
    """,
    "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON posts DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION wait()",
)


HELD = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


async def users(url: URL) -> list[Key]:
    """Commit two users with 1000 credits each, and return their keys."""
    async with opened(url) as database:
        return await make_users(database, 2, 1000)


async def one_for_each_process(
    service: Workers, number: int, stack: AsyncExitStack
) -> list[httpx.AsyncClient]:
    """Return one client for each process."""
    found: dict[int, httpx.AsyncClient] = {}
    for _ in range(500):
        client = await stack.enter_async_context(service.client())
        process, _ = (await client.get("/rows/none")).json()
        found.setdefault(process, client)
        if len(found) == number:
            return list(found.values())
    pytest.fail("one process accepted all connections")


async def test_another_process_reads_a_row_right_after_the_response(
    fresh_database_url: URL, server: AsyncConnection, record_property: Record
) -> None:
    number, clients = (10_000 if FULL else 200), 5
    author, _ = await users(fresh_database_url)
    for statement in SLOW_COMMIT:
        await server.execute(text(statement))
    found = Counter[tuple[str, int]]()
    others = 0

    async def write_and_read(service: Workers, client: int) -> None:
        nonlocal others
        async with AsyncExitStack() as stack:
            pair = await one_for_each_process(service, 2, stack)
            for each in range(number // clients):
                writer, reader = random.sample(pair, 2)
                for path in ("rows", "late-rows"):
                    title = f"{path}-{client}-{each}"
                    added = await writer.post(f"/{path}/{author}/{title}")
                    assert added.status_code == 201
                    process, rows = (await reader.get(f"/rows/{title}")).json()
                    found[path, rows] += 1
                    others += process != added.json()

    async with (
        workers(fresh_database_url, 2) as service,
        asyncio.TaskGroup() as tasks,
    ):
        for client in range(clients):
            tasks.create_task(write_and_read(service, client))

    record_property("rows that another process read right after their 201", found["rows", 1])
    missed = found.pop(("late-rows", 0), 0)  # on a busy machine the client may ask too late
    record_property("rows of FastAPI's default scope that it did not find", missed)
    assert found == {("rows", 1): number, ("late-rows", 1): number - missed}
    assert others == 2 * number


async def test_a_response_waits_for_its_commit_and_with_the_default_scope_it_does_not(
    fresh_database_url: URL, server: AsyncConnection
) -> None:
    author, _ = await users(fresh_database_url)
    for statement in (*SLOW_COMMIT, "SELECT pg_advisory_lock(1)"):
        await server.execute(text(statement))
    patient = {"DATABASE_LOCK_TIMEOUT": "60", "DATABASE_STATEMENT_TIMEOUT": "60"}
    async with workers(fresh_database_url, 2, **patient) as service, AsyncExitStack() as stack:
        writer, late, reader = [await stack.enter_async_context(service.client()) for _ in range(3)]
        added = asyncio.create_task(writer.post(f"/rows/{author}/held"))
        await wait_until(server, HELD, 1)
        added_late = await late.post(f"/late-rows/{author}/held late")
        await wait_until(server, HELD, 2)

        assert not added.done()
        assert added_late.status_code == 201
        assert (await reader.get("/rows/held late")).json()[1] == 0

        await server.execute(text("SELECT pg_advisory_unlock(1)"))
        assert (await added).status_code == 201
        assert (await reader.get("/rows/held")).json()[1] == 1


async def test_after_sigterm_under_load_each_running_request_gets_its_response(
    fresh_database_url: URL, server: AsyncConnection, record_property: Record
) -> None:
    author, _ = await users(fresh_database_url)
    answers: dict[str, int | None] = {}

    async def keep_adding(service: Workers, number: int) -> None:
        async with service.client() as client:
            for each in count():
                title = f"{number}-{each}"
                answers[title] = None
                try:
                    answer = await client.post(f"/rows/{author}/{title}")
                except httpx.TransportError:  # the service has ended
                    return
                answers[title] = answer.status_code

    patient = {"DATABASE_LOCK_TIMEOUT": "60", "DATABASE_STATEMENT_TIMEOUT": "60"}
    async with (
        workers(fresh_database_url, 2, **patient) as service,
        asyncio.TaskGroup() as clients,
    ):
        for number in range(8):
            clients.create_task(keep_adding(service, number))
        await wait_until(server, "SELECT count(*) > 100 FROM posts", True)
        async with opened(fresh_database_url) as database, database.unit_of_work() as uow:
            await uow.session.execute(text("LOCK TABLE posts IN SHARE MODE"))
            await wait_until(server, WAITING, 8)
            running = [title for title, status in answers.items() if status is None]
            service.process.send_signal(signal.SIGTERM)
            await service.until_logged("Shutting down", 2)
            await service.until_logged("Waiting for connections to close", 1)
        began = monotonic()
        async with asyncio.timeout(20):
            await service.process.wait()
        seconds = monotonic() - began
        unhandled = service.logged("Traceback")

    statuses = Counter(answers.values())
    record_property(
        "answers until SIGTERM, and the seconds until the end", (dict(statuses), round(seconds, 1))
    )
    assert len(running) == 8
    assert {answers[title] for title in running} == {201}
    assert statuses.keys() <= {201, None}
    there = set(await server.scalars(text("SELECT title FROM posts")))
    assert {title for title, status in answers.items() if status == 201} <= there
    assert unhandled == 0
    await wait_until(server, SESSIONS, 0)


async def test_two_processes_serve_through_pgbouncer(
    fresh_database_url: URL, record_property: Record
) -> None:
    rounds = 50 if FULL else 2
    ada, bob = await users(fresh_database_url)
    statuses = Counter[tuple[str, int]]()

    async def use(service: Workers, number: int) -> None:
        async with service.client() as client:
            for each in range(rounds):
                title = f"{number}-{each}"
                added = await client.post(f"/rows/{ada}/{title}")
                read = await client.get(f"/rows/{title}")
                order = {"sender": str(ada), "recipient": str(bob)}
                moved = await client.post("/retried-moves", json=order)
                for what, answer in (("add", added), ("read", read), ("move", moved)):
                    statuses[what, answer.status_code] += 1
                assert read.json()[1] == 1

    with pgbouncer(fresh_database_url) as url:
        settings = {"DATABASE_PGBOUNCER": "true", "DATABASE_POOL_TIMEOUT": "60"}
        async with workers(url, 2, **settings) as service, asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(use(service, number))

    requests = 20 * rounds
    record_property("requests through PgBouncer", 3 * requests)
    assert statuses == {("add", 201): requests, ("read", 200): requests, ("move", 200): requests}
    async with opened(fresh_database_url) as database:
        assert await credits_by_user(database) == {ada: 1000 - requests, bob: 1000 + requests}
