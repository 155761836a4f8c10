"""Hooks run after the commit, and only then."""

import asyncio
import logging

import pytest
from sqlalchemy import text

from shop.db import Database, errors
from shop.db.unit_of_work.unit_of_work import Hook
from tests.proofs.support.accounts import Account, Work, names


def remember(done: list[str], name: str) -> Hook:
    async def hook() -> None:
        done.append(name)

    return hook


async def test_hooks_run_in_order_when_the_rows_can_be_seen(bank: Database[Work]) -> None:
    seen: list[object] = []

    async def look() -> None:
        seen.append(bank.engine.sync_engine.pool.checkedout())  # type: ignore[attr-defined]  # QueuePool
        seen.append(await names(bank))  # in its own unit of work

    async with bank.unit_of_work() as work:
        await work.accounts.add(Account(name="c"))
        work.after_commit(look)
        work.after_commit(remember(seen, "second"))  # type: ignore[arg-type]  # it is a list of objects

    assert seen == [0, ["a", "b", "c"], "second"]


async def test_no_hook_runs_when_the_unit_of_work_is_rolled_back(bank: Database[Work]) -> None:
    done: list[str] = []

    with pytest.raises(ZeroDivisionError):
        async with bank.unit_of_work() as work:
            work.after_commit(remember(done, "never"))
            raise ZeroDivisionError
    with pytest.raises(errors.UniqueViolation):
        async with bank.unit_of_work() as work:
            work.after_commit(remember(done, "never"))
            work.session.add(Account(name="a"))  # fails at the end

    assert done == []


async def test_a_hook_that_would_never_run_is_refused(
    bank: Database[Work], caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    async def add_another() -> None:
        work.after_commit(remember(done, "never"))

    async with bank.unit_of_work() as work:
        work.after_commit(add_another)
    with pytest.raises(errors.UnitOfWorkError, match="this unit of work has ended"):
        work.after_commit(remember(done, "never"))

    assert done == []
    assert "this unit of work has ended" in caplog.text


async def test_a_savepoint_that_is_rolled_back_discards_its_hooks(bank: Database[Work]) -> None:
    done: list[str] = []

    async with bank.unit_of_work() as work:
        work.after_commit(remember(done, "before"))
        with pytest.raises(ZeroDivisionError):
            async with work.savepoint():
                work.after_commit(remember(done, "undone"))
                raise ZeroDivisionError
        async with work.savepoint():
            work.after_commit(remember(done, "kept"))

    assert done == ["before", "kept"]


async def test_an_error_of_a_hook_undoes_nothing_and_is_logged(
    bank: Database[Work], caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    async def fail() -> None:
        raise ZeroDivisionError

    async with bank.unit_of_work() as work:
        await work.accounts.add(Account(name="c"))
        work.after_commit(fail)
        work.after_commit(remember(done, "next"))

    assert done == ["next"]
    assert await names(bank) == ["a", "b", "c"]
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.message.startswith("an after_commit hook failed")
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


async def test_only_the_hooks_of_the_last_attempt_run(bank: Database[Work]) -> None:
    done: list[str] = []
    attempts: list[int] = []

    async def work_that_fails_once(work: Work) -> None:
        attempts.append(1)
        work.after_commit(remember(done, f"attempt {len(attempts)}"))
        if len(attempts) == 1:
            raise errors.SerializationFailure

    await bank.transact(work_that_fails_once)

    assert done == ["attempt 2"]


async def test_an_error_of_a_hook_does_not_run_the_transaction_again(bank: Database[Work]) -> None:
    runs: list[int] = []

    async def fail() -> None:
        raise errors.SerializationFailure

    async def work(work: Work) -> None:
        runs.append(1)
        work.after_commit(fail)

    await bank.transact(work)

    assert runs == [1]


async def test_no_hook_runs_when_the_outcome_is_unknown(bank: Database[Work]) -> None:
    done: list[str] = []
    # COMMIT waits until this lock is released.
    async with bank.engine.begin() as connection:
        for statement in (
            "CREATE FUNCTION wait_for_lock() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END$$",
            "CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON owners "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_lock()",
        ):
            await connection.execute(text(statement))

    async def insert() -> None:
        async with bank.unit_of_work() as work:
            work.after_commit(remember(done, "never"))
            await work.session.execute(text("INSERT INTO owners DEFAULT VALUES"))

    async with bank.engine.begin() as holder:
        await holder.execute(text("SELECT pg_advisory_xact_lock(7)"))
        task = asyncio.create_task(insert())
        waiting = text(
            "SELECT count(*) FROM pg_locks "
            "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        async with asyncio.timeout(10):
            while not await holder.scalar(waiting):
                pass
        task.cancel()
        with pytest.raises(errors.CommitUnknown):
            await task

    assert done == []
