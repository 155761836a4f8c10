"""A unit of work commits everything or nothing."""

import asyncio

import pytest
from sqlalchemy import event, text

from shop.db import Database, errors
from shop.db.unit_of_work.unit_of_work import transaction
from tests.proofs.support.accounts import Account, Work, names


async def test_a_task_has_one_unit_of_work_at_a_time(bank: Database[Work]) -> None:
    async with bank.unit_of_work():
        with pytest.raises(errors.UnitOfWorkError, match="savepoint"):
            async with bank.unit_of_work():
                pass
        with pytest.raises(errors.UnitOfWorkError):
            await bank.transact(lambda work: work.accounts.count())

    assert await names(bank) == ["a", "b"]


async def test_another_task_has_its_own_unit_of_work(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        await work.accounts.add(Account(name="c"))
        assert await asyncio.create_task(names(bank)) == ["a", "b"]

    assert await names(bank) == ["a", "b", "c"]


async def test_a_cancelled_unit_of_work_is_rolled_back(bank: Database[Work]) -> None:
    added = asyncio.Event()

    async def add_and_wait() -> None:
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account(name="c"))
            added.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(add_and_wait())
    await added.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await names(bank) == ["a", "b"]


async def test_a_cancelled_statement_is_a_cancellation_and_is_not_run_again(
    bank: Database[Work],
) -> None:
    runs = 0

    async def sleep(work: Work) -> None:
        nonlocal runs
        runs += 1
        await work.accounts.add(Account(name=f"c{runs}"))
        await work.session.execute(text("SELECT pg_sleep(30)"))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await bank.transact(sleep)

    assert runs == 1
    assert await names(bank) == ["a", "b"]


async def test_a_unit_of_work_that_was_not_used_takes_no_connection(bank: Database[Work]) -> None:
    taken: list[object] = []
    event.listen(bank.engine.sync_engine, "checkout", lambda *args: taken.append(args))

    async with bank.unit_of_work():
        pass

    assert taken == []


async def test_pending_entities_are_written_at_the_end(
    bank: Database[Work],
) -> None:
    with pytest.raises(errors.UniqueViolation):
        async with bank.unit_of_work() as work:
            work.session.add(Account(name="a"))

    async with bank.unit_of_work() as work:
        work.session.add(Account(name="c"))
    assert await names(bank) == ["a", "b", "c"]


async def test_a_savepoint_undoes_only_its_own_changes(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        await work.accounts.add(Account(name="c"))
        with pytest.raises(ZeroDivisionError):
            async with work.savepoint():
                await work.accounts.add(Account(name="d"))
                raise ZeroDivisionError
        async with work.savepoint():
            await work.accounts.add(Account(name="e"))

    assert await names(bank) == ["a", "b", "c", "e"]


async def test_an_error_is_caught_outside_of_a_savepoint_not_inside(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        with pytest.raises(errors.UniqueViolation):
            async with work.savepoint():
                try:
                    work.session.add(Account(name="a"))
                except (
                    errors.UniqueViolation
                ):  # it is never raised here, because the row is written when the block ends
                    pytest.fail("caught inside")
        await work.accounts.add(Account(name="c"))

    assert await names(bank) == ["a", "b", "c"]


async def test_the_rollback_after_a_caught_error_is_reported(
    bank: Database[Work],
) -> None:
    with pytest.raises(errors.UnitOfWorkError, match="savepoint"):
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account(name="c"))
            with pytest.raises(errors.DatabaseError):
                await work.session.execute(text("SELECT 1 / 0"))

    assert await names(bank) == ["a", "b"]


async def test_a_statement_after_a_caught_error_is_refused(bank: Database[Work]) -> None:
    async def go_on_after(statement: str) -> None:
        async with bank.unit_of_work() as work:
            with pytest.raises(errors.DatabaseError):
                await work.session.execute(text(statement))
            await work.accounts.count()

    with pytest.raises(errors.UnitOfWorkError, match="savepoint"):
        await go_on_after("SELECT 1 / 0")


async def test_a_commit_after_a_failed_flush_is_refused(bank: Database[Work]) -> None:
    with pytest.raises(errors.UnitOfWorkError, match="savepoint"):
        async with bank.unit_of_work() as work:
            with pytest.raises(errors.UniqueViolation):
                await work.accounts.add(Account(name="a"))

    assert await names(bank) == ["a", "b"]


async def test_no_query_asks_for_the_state_after_a_rollback_to_a_savepoint(
    bank: Database[Work],
) -> None:
    statements: list[str] = []
    event.listen(
        bank.engine.sync_engine,
        "before_cursor_execute",
        lambda *args: statements.append(args[2]),
    )
    async with bank.unit_of_work() as work:
        with pytest.raises(errors.UniqueViolation):
            async with work.savepoint():
                await work.accounts.add(Account(name="a"))
        await work.accounts.add(Account(name="c"))
    assert "SELECT 1" not in statements

    assert await names(bank) == ["a", "b", "c"]
    assert "SELECT 1" not in statements


async def test_a_session_ends_with_its_unit_of_work(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        await work.accounts.count()

    with pytest.raises(errors.UnitOfWorkError, match="has ended"):
        await work.accounts.add(Account(name="c"))
    assert await names(bank) == ["a", "b"]


async def test_a_cancellation_at_commit_leaves_the_outcome_unknown(bank: Database[Work]) -> None:
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(errors.CommitUnknown):
        async with bank.unit_of_work() as work:
            await work.accounts.add(Account(name="c"))
            event.listen(work.session.sync_session, "before_commit", lambda _: task.cancel())
    task.uncancel()


async def test_a_transaction_needs_no_database_object(bank: Database[Work]) -> None:
    session = bank.sessions()
    async with transaction(session) as opened:
        assert opened is session
