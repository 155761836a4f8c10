"""No job is lost if a process is killed, and a unit of work that was rolled back leaves none."""

import random
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from pgqueuer.queries import Queries
from pydantic import BaseModel
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.errors import SerializationFailure
from shop.jobs import Welcome, enqueue
from shop.models import Key
from shop.unit_of_work import Database, UnitOfWork
from tests.proofs.jobs.killing import ENQUEUE, HASTY_WORKER, MOMENTS, WORKER, Killer, start
from tests.proofs.support.faults import SESSIONS, make_users, wait_until
from tests.proofs.support.sampling import FULL, sampled

JOBS = "SELECT count(*) FROM pgqueuer"
DONE = "SELECT count(*) FROM users WHERE username LIKE 'done%'"
UNDONE = "SELECT count(*) FROM users WHERE username LIKE 'undone%'"
# The jobs of users that are committed.
MATCHED = """
    SELECT count(*) FROM pgqueuer JOIN users
    ON convert_from(payload, 'UTF8')::json ->> 'user' = users.id::text
"""
POSTS = "SELECT count(*) FROM posts"
QUEUED = f"{JOBS} WHERE status = 'queued'"
END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'shop'
"""
RUNS = "SELECT count(*) FROM pgqueuer_log WHERE status = 'picked'"


async def count(server: AsyncConnection, query: str) -> int:
    return int(await server.scalar(text(query)) or 0)


async def commit_job(database: Database) -> Key:
    [user] = await make_users(database, 1)
    async with database.unit_of_work() as uow:
        await enqueue(uow, Welcome(user=user))
    return user


async def test_a_unit_of_work_has_its_job_if_it_commits_and_none_if_it_rolls_back(
    database: Database, server: AsyncConnection
) -> None:
    [user] = await make_users(database, 1)

    with pytest.raises(ZeroDivisionError):
        async with database.unit_of_work() as uow:
            await enqueue(uow, Welcome(user=user))
            raise ZeroDivisionError
    assert await count(server, JOBS) == 0

    async with database.unit_of_work() as uow:
        with pytest.raises(ZeroDivisionError):
            async with uow.savepoint():
                await enqueue(uow, Welcome(user=user))
                raise ZeroDivisionError
        await enqueue(uow, Welcome(user=user))
        assert await count(server, JOBS) == 0  # another connection does not see it yet
    assert await count(server, JOBS) == 1


async def test_a_unit_of_work_that_runs_again_has_one_job(
    database: Database, server: AsyncConnection
) -> None:
    [user] = await make_users(database, 1)
    runs = 0

    async def work(uow: UnitOfWork) -> None:
        nonlocal runs
        runs += 1
        await enqueue(uow, Welcome(user=user))
        if runs < 3:
            raise SerializationFailure

    await database.transact(work)

    assert (runs, await count(server, JOBS)) == (3, 1)


async def test_a_job_on_the_connection_of_the_driver_survives_a_rollback(
    database: Database, server: AsyncConnection
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.unit_of_work() as uow:
            connection = await (await uow.session.connection()).get_raw_connection()
            assert connection.driver_connection is not None
            queries = Queries.from_asyncpg_connection(connection.driver_connection)
            await queries.enqueue("Welcome", None)
            raise ZeroDivisionError

    assert await count(server, JOBS) == 1


async def test_each_commit_has_one_job_if_the_process_is_killed_at_any_message(
    fresh_database_url: URL, server: AsyncConnection, record_property: Callable[[str, object], None]
) -> None:
    async def run(name: str, killer: Killer) -> None:
        async with killer.serve() as url:
            process = await start(url, *ENQUEUE, name)
            killer.process.set_result(process)
            # A program that sends a few messages less ends by itself.
            assert await process.wait() in ({-signal.SIGKILL, 0} if killer.at else {0})
        await wait_until(server, SESSIONS, 0)  # the server has ended what was begun
        assert await count(server, JOBS) == await count(server, MATCHED)
        assert await count(server, JOBS) == await count(server, DONE)
        assert await count(server, UNDONE) == 0

    whole = Killer(fresh_database_url)
    await run("", whole)
    assert await count(server, JOBS) == 1
    # The last message says goodbye. COMMIT is one of the three before it.
    cases = [(at, moment) for at in range(1, whole.messages) for moment in MOMENTS]
    cases = sorted({*sampled(cases[:-9]), *sampled(cases[-9:]), cases[-1]})
    for number, (at, moment) in enumerate(cases):
        await run(str(number), Killer(fresh_database_url, at, moment))

    committed = await count(server, JOBS) - 1
    record_property("enqueuing processes killed", len(cases))
    record_property("enqueuing processes that had committed", committed)
    assert not FULL or 0 < committed < len(cases)


async def test_each_job_has_its_effect_once_if_its_workers_are_killed_at_any_message(
    database: Database,
    fresh_database_url: URL,
    server: AsyncConnection,
    record_property: Callable[[str, object], None],
) -> None:
    # A worker picks its jobs at about the 50th message, and three jobs are done at about the 100th.
    cases = sampled([(at, moment) for at in range(41, 105, 2) for moment in MOMENTS])
    users = []
    # The first worker is killed when a job has had its effect, and is still there.
    for at, moment in [(0, MOMENTS[0]), *random.sample(cases, len(cases))]:
        users += [await commit_job(database) for _ in range(3)]
        killer = Killer(fresh_database_url, at, moment)
        async with killer.serve() as url:
            process = await start(url, *HASTY_WORKER)
            killer.process.set_result(process)
            # A worker that has done all jobs before that message is killed too.
            while process.returncode is None and await count(server, JOBS):
                if not at and await count(server, POSTS):
                    break
                await server.execute(text("SELECT pg_sleep(0.001)"))
            with suppress(ProcessLookupError):
                process.kill()
            assert await process.wait() == -signal.SIGKILL

    survivor = await start(fresh_database_url, *HASTY_WORKER)
    await wait_until(server, JOBS, 0)
    survivor.terminate()

    assert await survivor.wait() == 0
    async with database.unit_of_work(read_only=True) as reads:
        authors = [post.author_id for post in await reads.posts.all()]
    assert sorted(authors) == sorted(users)
    record_property("workers killed", len(cases) + 1)
    record_property("jobs, and how often they ran", f"{len(users)}, {await count(server, RUNS)}")


async def test_a_worker_goes_on_after_the_server_has_ended_its_connection(
    database: Database, fresh_database_url: URL, server: AsyncConnection
) -> None:
    worker = await start(fresh_database_url, *WORKER)
    await commit_job(database)
    await wait_until(server, JOBS, 0)
    await database.dispose()  # now all sessions are those of the worker
    await wait_until(server, SESSIONS, 2)  # one that listens, and one of its pool
    await server.execute(text(END_SESSIONS))
    await commit_job(database)
    await wait_until(server, JOBS, 0)
    worker.terminate()

    assert await worker.wait() == 0


async def test_a_job_that_fails_runs_again_and_is_held_at_the_end(
    database: Database, fresh_database_url: URL, server: AsyncConnection
) -> None:
    class Unfit(BaseModel):
        text: str

    Unfit.__name__ = Welcome.__name__
    async with database.unit_of_work() as uow:
        await enqueue(uow, Unfit(text="no user"))
    worker = await start(fresh_database_url, *HASTY_WORKER)
    await wait_until(server, f"{QUEUED} AND attempts = 1", 1)
    await server.execute(text("UPDATE pgqueuer SET attempts = 5 WHERE status = 'queued'"))
    await wait_until(server, f"{JOBS} WHERE status = 'failed'", 1)
    worker.terminate()

    assert await worker.wait() == 0
    assert await count(server, JOBS) == 1
