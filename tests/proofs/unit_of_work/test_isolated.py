"""The fixture `isolated` behaves like a `Database`, and keeps nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from sqlalchemy import URL, func, select, text

from shop.db import errors
from shop.models import Key, User
from shop.unit_of_work import Database, ReadUnitOfWork, UnitOfWork
from tests.factories import UserFactory
from tests.proofs.support.actors import Actor
from tools.sources import connect

# Violations that only COMMIT reports.
UNIQUE_AT_COMMIT = (
    "ALTER TABLE users ADD CONSTRAINT uq_bio UNIQUE (bio) DEFERRABLE INITIALLY DEFERRED"
)


async def committed(url: URL) -> int:
    """Return the number of users that another connection sees."""
    async with connect(url) as other:
        return int(await other.scalar(select(func.count()).select_from(User)) or 0)


@pytest.fixture(autouse=True)
async def nothing_is_kept(database_url: URL) -> AsyncIterator[None]:
    """Look for rows when the other fixtures of a test have ended."""
    yield
    assert await committed(database_url) == 0


async def add(database: Database, name: str, **values: Any) -> Key:
    async with database.unit_of_work() as uow:
        return (await uow.users.add(UserFactory.build(username=name, **values))).id


async def names(database: Database) -> list[str]:
    async with database.unit_of_work(read_only=True) as reads:
        return [user.username for user in await reads.users.all(order_by=[User.username])]


async def test_only_other_units_of_work_of_the_test_see_its_rows(
    isolated: Database, database_url: URL
) -> None:
    async with isolated.unit_of_work() as uow:
        await uow.users.add(UserFactory.build(username="a"))
    async with isolated.unit_of_work() as uow:
        await uow.users.insert_rows(
            [{"username": "b", "email": "b@example.com", "password_hash": "…"}]  # by COPY
        )

    assert await names(isolated) == ["a", "b"]
    assert await committed(database_url) == 0


async def test_a_session_without_a_unit_of_work_is_isolated_too(isolated: Database) -> None:
    async with isolated.sessions() as session:
        session.add(UserFactory.build(username="a"))
        await session.commit()

    assert await names(isolated) == ["a"]


async def test_work_is_tried_again_and_only_the_last_attempt_counts(isolated: Database) -> None:
    attempts: list[int] = []
    done: list[int] = []

    async def work(uow: UnitOfWork) -> str:
        attempts.append(await uow.users.count())
        number = len(attempts)

        async def hook() -> None:
            done.append(number)

        uow.after_commit(hook)
        user = await uow.users.add(UserFactory.build(username=f"{number}"))
        if number < 3:
            raise errors.SerializationFailure
        return user.username

    assert await isolated.transact(work) == "3"
    assert attempts == [0, 0, 0]
    assert done == [3]
    assert await names(isolated) == ["3"]


async def test_a_hook_runs_after_the_end_and_may_open_a_unit_of_work(isolated: Database) -> None:
    seen: list[list[str]] = []

    async def look() -> None:
        seen.append(await names(isolated))

    async with isolated.unit_of_work() as uow:
        uow.after_commit(look)
        await uow.users.add(UserFactory.build(username="a"))
        assert seen == []

    assert seen == [["a"]]


async def test_no_hook_runs_after_a_rollback(isolated: Database) -> None:
    done: list[str] = []

    async def hook() -> None:
        done.append("never")

    with pytest.raises(ZeroDivisionError):
        async with isolated.unit_of_work() as uow:
            uow.after_commit(hook)
            await uow.users.add(UserFactory.build())
            raise ZeroDivisionError

    assert await names(isolated) == done == []


@pytest.mark.parametrize("error", [None, ZeroDivisionError, errors.ReadOnlyTransaction])
async def test_the_server_refuses_changes_in_a_read_only_unit_of_work_and_only_there(
    isolated: Database, error: type[Exception] | None
) -> None:
    with pytest.raises(error) if error else nullcontext():
        async with isolated.unit_of_work(read_only=True) as reads:
            assert type(reads) is ReadUnitOfWork
            assert await reads.users.all() == []
            if error is ZeroDivisionError:
                raise error
            if error is errors.ReadOnlyTransaction:
                reads.session.add(UserFactory.build())

    await add(isolated, "a")
    assert await names(isolated) == ["a"]


async def test_a_violated_constraint_undoes_only_its_unit_of_work(isolated: Database) -> None:
    await add(isolated, "a")

    with pytest.raises(errors.UniqueViolation) as violation:
        async with isolated.unit_of_work() as uow:
            await uow.users.add(UserFactory.build(username="b"))
            uow.session.add(UserFactory.build(username="a"))  # written when the block ends

    assert violation.value.constraint == "uq_users_username"
    await add(isolated, "c")
    assert await names(isolated) == ["a", "c"]


@pytest.mark.parametrize("read_only", [False, True])
async def test_an_error_that_was_caught_inside_rolls_back_its_unit_of_work(
    isolated: Database, read_only: bool
) -> None:
    await add(isolated, "a")

    async def catch_inside() -> None:
        opening = isolated.unit_of_work(read_only=True) if read_only else isolated.unit_of_work()
        async with opening as uow:
            with pytest.raises(errors.DataException):
                await uow.session.execute(text("SELECT 1 / 0"))

    with pytest.raises(errors.UnitOfWorkError, match="an error aborted"):
        await catch_inside()

    await add(isolated, "b")
    assert await names(isolated) == ["a", "b"]


async def test_savepoints_can_be_nested_to_any_depth(isolated: Database) -> None:
    async with isolated.unit_of_work() as uow:
        async with uow.savepoint():
            await uow.users.add(UserFactory.build(username="a"))
            with pytest.raises(errors.UniqueViolation):
                async with uow.savepoint():
                    await uow.users.add(UserFactory.build(username="b"))
                    async with uow.savepoint():
                        await uow.users.add(UserFactory.build(username="a"))
        await uow.users.add(UserFactory.build(username="c"))

    assert await names(isolated) == ["a", "c"]


async def test_deferred_constraints_are_checked_at_the_end(isolated: Database) -> None:
    async with isolated.unit_of_work() as uow:
        await uow.session.execute(text(UNIQUE_AT_COMMIT))
    await add(isolated, "a", bio="same")
    reached, done = False, []

    async def hook() -> None:
        done.append("never")

    with pytest.raises(errors.UniqueViolation) as violation:
        async with isolated.unit_of_work() as uow:
            uow.after_commit(hook)
            await uow.users.add(UserFactory.build(username="b", bio="same"))
            reached = True

    assert violation.value.constraint == "uq_bio"
    assert (reached, done) == (True, [])
    async with isolated.unit_of_work() as uow:  # it is still not checked before the end
        second = await uow.users.add(UserFactory.build(username="c", bio="same"))
        await uow.users.update(second, bio="other")
    assert await names(isolated) == ["a", "c"]


async def test_begin_hooks_apply_the_info_of_each_unit_of_work(
    begin_hook: None, isolated: Database
) -> None:
    async def actor(uow: UnitOfWork | ReadUnitOfWork) -> object:
        return await uow.session.scalar(text("SELECT current_setting('app.actor')"))

    async with isolated.unit_of_work(info=Actor("ada")) as uow:
        assert uow.session.info[Actor] == Actor("ada")
        async with uow.savepoint():
            assert await actor(uow) == "ada"
    async with isolated.unit_of_work(read_only=True) as reads:
        assert Actor not in reads.session.info
        assert await actor(reads) == ""
    assert await isolated.transact(actor, info=(Actor("bob"),)) == "bob"


async def test_units_of_work_of_several_tasks_take_turns(isolated: Database) -> None:
    key = await add(isolated, "a", credits=0)

    async def earn() -> None:
        async with isolated.unit_of_work() as uow:
            user = await uow.users.get_one(key)
            before = user.credits
            await uow.session.execute(text("SELECT pg_sleep(0.001)"))  # others could run now
            await uow.users.update(user, credits=before + 1)

    await asyncio.gather(*(earn() for _ in range(20)))

    async with isolated.unit_of_work() as uow:
        assert (await uow.users.get_one(key)).credits == 20


async def test_a_unit_of_work_that_waits_too_long_for_its_turn_gets_a_clear_error(
    isolated: Database,
) -> None:
    isolated.settings = isolated.settings.model_copy(update={"pool_timeout": 0.05})

    async with isolated.unit_of_work() as uow:
        await uow.users.add(UserFactory.build(username="a"))
        with pytest.raises(errors.UnitOfWorkError, match=r"one connection.*fixture `database`"):
            await asyncio.create_task(names(isolated))

    assert await names(isolated) == ["a"]


async def test_a_second_unit_of_work_in_a_task_is_refused(isolated: Database) -> None:
    async with isolated.unit_of_work():
        with pytest.raises(errors.UnitOfWorkError, match="open unit of work already"):
            await names(isolated)

    assert await names(isolated) == []


async def test_an_isolation_level_is_accepted_and_changes_nothing(isolated: Database) -> None:
    async def level(uow: UnitOfWork) -> object:
        return await uow.session.scalar(text("SHOW transaction_isolation"))

    strict = await isolated.transact(level, isolation_level="SERIALIZABLE")

    assert strict == await isolated.transact(level)


async def test_time_and_local_settings_last_for_the_whole_test(isolated: Database) -> None:
    async with isolated.unit_of_work() as uow:
        before = await uow.session.scalar(text("SELECT now()"))
        await uow.session.execute(text("SET LOCAL lock_timeout = '7s'"))

    async with isolated.unit_of_work() as uow:
        assert await uow.session.scalar(text("SELECT now()")) == before
        assert await uow.session.scalar(text("SHOW lock_timeout")) == "7s"


async def test_statements_of_the_fixture_are_not_counted_as_queries(
    isolated: Database, max_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    with max_queries(1):
        assert await names(isolated) == []


async def test_a_lost_connection_ends_the_test_with_a_sentence(isolated: Database) -> None:
    async def lose_it(uow: UnitOfWork) -> None:
        await uow.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(errors.UnitOfWorkError, match=r"lost its connection.*fixture `database`"):
        await isolated.transact(lose_it)


async def test_a_cancelled_statement_ends_the_test_with_a_sentence(isolated: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), isolated.unit_of_work() as uow:
            await uow.session.execute(text("SELECT pg_sleep(30)"))

    with pytest.raises(errors.UnitOfWorkError, match=r"cancelled statement.*fixture `database`"):
        await add(isolated, "a")
