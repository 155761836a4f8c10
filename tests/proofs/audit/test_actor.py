"""The log knows who acted, and never takes one for another."""

import asyncio

import pytest
from sqlalchemy import insert, text

from shop import db
from shop.db import Database
from shop.db.audit import acting_as
from tests.proofs.audit.tables import Author, entries

Library = Database[db.UnitOfWork]


async def test_the_actor_is_who_acts_at_the_begin_of_the_transaction(library: Library) -> None:
    with acting_as("ada"):
        await add(library, "a")
    with acting_as(7), acting_as("grace"):
        await add(library, "b")

    assert await actors(library) == ["ada", "grace"]


async def test_on_the_same_connection_the_next_transaction_has_its_own_actor_or_none(
    library: Library,
) -> None:
    backends = set()
    for actor in ["ada", "", "grace"]:
        with acting_as(actor):
            backends.add(await add(library, "x" + actor))
    async with library.engine.begin() as connection:  # without the hook a leak shows
        await connection.execute(insert(Author).values(name="z"))
        backends.add(await connection.scalar(text("SELECT pg_backend_pid()")))
    backends.add(await add(library, "y"))

    assert await actors(library) == ["ada", None, "grace", None, None]
    assert len(backends) == 1


async def test_an_actor_does_not_outlive_an_error_or_a_rollback(library: Library) -> None:
    with pytest.raises(ZeroDivisionError), acting_as("ada"):
        async with library.unit_of_work() as work:
            work.session.add(Author(name="a"))
            await work.session.flush()
            raise ZeroDivisionError
    await add(library, "b")

    assert await actors(library) == [None]


async def test_a_savepoint_that_is_undone_leaves_the_actor(library: Library) -> None:
    with acting_as("ada"):
        async with library.unit_of_work() as work:
            with pytest.raises(ZeroDivisionError):
                async with work.savepoint():
                    raise ZeroDivisionError
            work.session.add(Author(name="a"))

    assert await actors(library) == ["ada"]


async def test_within_a_transaction_the_actor_stays(library: Library) -> None:
    with acting_as("ada"):
        async with library.unit_of_work() as work:
            work.session.add(Author(name="a"))
            await work.session.flush()
            with acting_as("grace"):
                work.session.add(Author(name="b"))
                await work.session.flush()

    assert await actors(library) == ["ada", "ada"]


async def test_tasks_at_the_same_time_have_each_their_own(library: Library) -> None:
    both = asyncio.Barrier(2)

    async def act(actor: str) -> None:
        with acting_as(actor):
            await both.wait()  # both have said who they are before either begins
            await add(library, actor)

    await asyncio.gather(act("ada"), act("grace"))

    async with library.unit_of_work() as work:
        found = [
            (entry.actor, entry.new and entry.new["name"]) for entry in await entries(work.session)
        ]
    assert sorted(found, key=str) == [("ada", "ada"), ("grace", "grace")]


async def test_a_task_inherits_the_actor_of_who_started_it(library: Library) -> None:
    with acting_as("ada"):
        task = asyncio.create_task(add(library, "a"))
    await task

    assert await actors(library) == ["ada"]


async def add(library: Library, name: str) -> object:
    async with library.unit_of_work() as work:
        work.session.add(Author(name=name))
        await work.session.flush()
        return await work.session.scalar(text("SELECT pg_backend_pid()"))


async def actors(library: Library) -> list[str | None]:
    async with library.unit_of_work() as work:
        return [entry.actor for entry in await entries(work.session)]
