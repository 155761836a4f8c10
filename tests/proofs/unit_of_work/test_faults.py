"""A lost connection: before COMMIT the unit of work runs again, and from COMMIT on it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import errors
from shop.services.credits import transfer
from shop.unit_of_work import UnitOfWork
from tests.proofs.support.faults import (
    BLOCKED,
    WAITING,
    Tally,
    assert_whole,
    backend_of,
    credits_by_user,
    end,
    make_users,
    opened,
    wait_until,
)

# COMMIT waits until this lock is released.
SLOW_COMMIT = [
    "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END'",
    "CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION wait()",
    "SELECT pg_advisory_lock(42)",
]


@pytest.mark.parametrize("moment", ["begin", "locks", "writes"])
async def test_a_backend_that_ends_in_a_transaction_costs_one_more_run(
    fresh_database_url: URL, server: AsyncConnection, tally: Tally, moment: str
) -> None:
    async with opened(fresh_database_url) as database:
        ada, bob = await make_users(database)

        async def move(uow: UnitOfWork) -> None:
            backend = await backend_of(uow)
            for now in ["begin", "locks", "writes"]:
                if now == "locks":
                    await uow.users.lock(ada, bob)
                if now == "writes":
                    await transfer(uow, sender=ada, recipient=bob, amount=30)
                    await uow.session.flush()
                if now == moment and not tally.injected:
                    tally.injected += 1
                    await end(server, backend)
            await uow.users.count()

        with pytest.raises(errors.ConnectionFailure):
            async with database.unit_of_work() as uow:
                await move(uow)
        assert list((await credits_by_user(database)).values()) == [100, 100]

        tally.injected -= 1
        await tally.transact(database, move)

        assert tally == Tally(injected=1, committed=1, retried=1)
        assert list((await credits_by_user(database)).values()) == [70, 130]
        await assert_whole(database, 200)


async def test_a_backend_that_ends_while_a_statement_runs_costs_one_more_run(
    fresh_database_url: URL, server: AsyncConnection, tally: Tally
) -> None:
    async with opened(fresh_database_url) as database:
        ada, bob = await make_users(database)
        begun: asyncio.Queue[int] = asyncio.Queue()

        async def move(uow: UnitOfWork) -> None:
            await begun.put(await backend_of(uow))
            await transfer(uow, sender=ada, recipient=bob, amount=30)

        async with database.unit_of_work() as uow:
            await uow.users.lock(ada)
            moving = asyncio.create_task(tally.transact(database, move))
            first = await begun.get()
            await wait_until(server, WAITING, 1, backend=first)
            tally.injected += 1
            await end(server, first)
            assert await begun.get() != first  # a new attempt begins
        await moving

        assert tally == Tally(injected=1, committed=1, retried=1)
        assert list((await credits_by_user(database)).values()) == [70, 130]
        await assert_whole(database, 200)


async def test_the_outcome_is_unknown_if_the_backend_ends_in_commit(
    fresh_database_url: URL, server: AsyncConnection, tally: Tally
) -> None:
    async with opened(fresh_database_url) as database:
        ada, bob = await make_users(database)
        backends: list[int] = []
        for statement in SLOW_COMMIT:
            await server.execute(text(statement))

        async def move(uow: UnitOfWork) -> None:
            backends.append(await backend_of(uow))
            await transfer(uow, sender=ada, recipient=bob, amount=30)
            await uow.session.flush()  # COMMIT waits from here on

        moving = asyncio.create_task(tally.transact(database, move))
        await wait_until(server, BLOCKED, 1)
        tally.injected += 1
        await end(server, backends[0])
        with pytest.raises(errors.CommitUnknown):
            await moving

        assert tally == Tally(injected=1, unknown=1)
        assert list((await credits_by_user(database)).values()) == [100, 100]
        await server.execute(text("SELECT pg_advisory_unlock(42)"))
        await assert_whole(database, 200)


async def test_a_commit_whose_answer_is_lost_is_not_repeated(
    fresh_database_url: URL, tally: Tally
) -> None:
    answers = asyncio.Event()
    answers.set()
    async with (
        losing_answers(fresh_database_url, answers) as url,
        opened(fresh_database_url) as direct,
        opened(url) as database,
    ):
        ada, bob = await make_users(direct)

        async def move(uow: UnitOfWork) -> None:
            await transfer(uow, sender=ada, recipient=bob, amount=30)
            await uow.session.flush()
            answers.clear()
            tally.injected += 1

        with pytest.raises(errors.CommitUnknown):
            await tally.transact(database, move)
        answers.set()

        assert tally == Tally(injected=1, unknown=1)
        assert list((await credits_by_user(direct)).values()) == [70, 130]  # not [40, 160]
        await direct.dispose()  # otherwise its sessions would count as sessions of the other one
        await assert_whole(database, 200)


@asynccontextmanager
async def losing_answers(url: URL, answers: asyncio.Event) -> AsyncIterator[URL]:
    """A proxy to the server that cuts the connection instead of answering, unless `answers` is set."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(url.host, url.port)

        async def forth() -> None:
            while data := await reader.read(65536):
                there[1].write(data)
            there[1].close()

        async def back() -> None:
            while (data := await there[0].read(65536)) and answers.is_set():
                writer.write(data)
            writer.close()

        await asyncio.gather(forth(), back())

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as proxy:
        yield url.set(host="127.0.0.1", port=proxy.sockets[0].getsockname()[1])
