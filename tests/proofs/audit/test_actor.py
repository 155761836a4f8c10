"""The log has the actor of each change, and never another actor."""

import asyncio

import pytest
from sqlalchemy import insert, text

from shop import db
from shop.db import Database
from shop.db.audit import Actor
from tests.proofs.audit.tables import Author, entries

Library = Database[db.UnitOfWork]


async def test_an_entry_has_the_actor_of_its_unit_of_work(library: Library) -> None:
    await add(library, "a", Actor("ada"))
    await add(library, "b", Actor(7))
    await add(library, "c", Actor(None))

    assert await actors(library) == ["ada", "7", None]


async def test_the_actor_is_one_of_several_values_that_a_transaction_knows(
    library: Library,
) -> None:
    await add(library, "a", ("another value", Actor("ada")))

    assert await actors(library) == ["ada"]


async def test_a_repeated_transaction_has_its_actor_each_time(library: Library) -> None:
    attempts: list[str] = []

    async def work(work: db.UnitOfWork) -> None:
        attempts.append("…")
        work.session.add(Author(name=f"a{len(attempts)}"))
        await work.session.flush()
        if len(attempts) < 2:
            raise db.errors.DeadlockDetected

    await library.transact(work, info=Actor("ada"))

    assert (await actors(library), len(attempts)) == (["ada"], 2)


async def test_no_actor_leaks_into_the_next_transaction_of_a_connection(
    library: Library,
) -> None:
    backends = {
        await add(library, f"x{number}", Actor(actor))
        for number, actor in enumerate(["ada", "", "grace"])
    }
    # Without the hook, a leaked actor would be in the log.
    async with library.engine.begin() as connection:
        await connection.execute(insert(Author).values(name="z"))
        backends.add(await connection.scalar(text("SELECT pg_backend_pid()")))
    backends.add(await add(library, "y"))

    assert await actors(library) == ["ada", None, "grace", None, None]
    assert len(backends) == 1


async def test_an_actor_is_gone_after_an_error_or_a_rollback(library: Library) -> None:
    with pytest.raises(ZeroDivisionError):
        async with library.unit_of_work(info=Actor("ada")) as work:
            work.session.add(Author(name="a"))
            await work.session.flush()
            raise ZeroDivisionError
    await add(library, "b")

    assert await actors(library) == [None]


async def test_the_actor_stays_after_a_savepoint_was_rolled_back(library: Library) -> None:
    async with library.unit_of_work(info=Actor("ada")) as work:
        with pytest.raises(ZeroDivisionError):
            async with work.savepoint():
                raise ZeroDivisionError
        work.session.add(Author(name="a"))

    assert await actors(library) == ["ada"]


async def test_each_concurrent_task_has_its_own_actor(library: Library) -> None:
    both = asyncio.Barrier(2)

    async def act(actor: str) -> None:
        async with library.unit_of_work(info=Actor(actor)) as work:
            await both.wait()  # both know their actor before either transaction begins
            work.session.add(Author(name=actor))

    await asyncio.gather(act("ada"), act("grace"))

    async with library.unit_of_work() as work:
        found = [
            (entry.actor, entry.new and entry.new["name"]) for entry in await entries(work.session)
        ]
    assert sorted(found, key=str) == [("ada", "ada"), ("grace", "grace")]


async def add(library: Library, name: str, info: object = ()) -> object:
    async with library.unit_of_work(info=info) as work:
        work.session.add(Author(name=name))
        await work.session.flush()
        return await work.session.scalar(text("SELECT pg_backend_pid()"))


async def actors(library: Library) -> list[str | None]:
    async with library.unit_of_work() as work:
        return [entry.actor for entry in await entries(work.session)]
