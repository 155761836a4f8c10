"""A unit of work commits all or nothing, whatever happens in it."""

import asyncio

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from shop.db import Database, errors
from shop.db.unit_of_work import transaction
from tests.proofs.tables import Account, Work, names


async def test_a_task_has_one_unit_of_work_at_a_time(bank: Database[Work]) -> None:
    async with bank.unit_of_work():
        with pytest.raises(errors.UnitOfWorkError, match="savepoint"):
            async with bank.unit_of_work():
                pass
        with pytest.raises(errors.UnitOfWorkError):
            await bank.transact(lambda work: work.accounts.count())

    assert await names(bank) == ["a", "b"]


async def test_another_task_has_its_own(bank: Database[Work]) -> None:
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


async def test_a_unit_of_work_that_was_not_used_takes_no_connection(bank: Database[Work]) -> None:
    taken: list[object] = []
    event.listen(bank.engine.sync_engine, "checkout", lambda *args: taken.append(args))

    async with bank.unit_of_work():
        pass

    assert taken == []


async def test_what_was_only_added_to_the_session_is_written_at_the_end(
    bank: Database[Work],
) -> None:
    with pytest.raises(errors.UniqueViolation):
        async with bank.unit_of_work() as work:
            work.session.add(Account(name="a"))

    async with bank.unit_of_work() as work:
        work.session.add(Account(name="c"))
    assert await names(bank) == ["a", "b", "c"]


async def test_a_savepoint_undoes_only_its_own(bank: Database[Work]) -> None:
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
                except errors.UniqueViolation:  # never: it is written when the block ends
                    pytest.fail("caught inside")
        await work.accounts.add(Account(name="c"))

    assert await names(bank) == ["a", "b", "c"]


async def test_a_deadlock_is_tried_again_until_both_are_done(bank: Database[Work]) -> None:
    barrier, runs = asyncio.Barrier(2), 0

    async def move(first: str, second: str) -> None:
        nonlocal runs
        runs += 1
        once = runs <= 2

        async def work_on(work: Work) -> None:
            nonlocal runs, once
            for name in (first, second):
                account = await work.accounts.get_one_or_none(Account.name == name)
                assert account is not None
                await work.session.refresh(account, with_for_update=True)
                if name == first and once:
                    once = False
                    await barrier.wait()
                await work.accounts.update(account, balance=account.balance + 1)

        await bank.transact(work_on)

    await asyncio.gather(move("a", "b"), move("b", "a"))

    async with bank.unit_of_work() as work:
        assert {account.balance for account in await work.accounts.get_many()} == {102}


async def test_only_what_may_succeed_is_tried_again(bank: Database[Work]) -> None:
    attempts = 0

    async def duplicate(work: Work) -> None:
        nonlocal attempts
        attempts += 1
        await work.accounts.add(Account(name="a"))

    with pytest.raises(errors.UniqueViolation):
        await bank.transact(duplicate)

    assert attempts == 1


async def test_trying_again_has_an_end_and_a_fresh_session_each_time(bank: Database[Work]) -> None:
    sessions: list[AsyncSession] = []

    async def lose_the_connection(work: Work) -> None:
        sessions.append(work.session)
        await work.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(errors.ConnectionFailure):
        await bank.transact(lose_the_connection, attempts=3)

    assert len(set(sessions)) == 3


async def test_what_the_work_returns_is_returned_after_the_commit(bank: Database[Work]) -> None:
    account = await bank.transact(lambda work: work.accounts.add(Account(name="c")))

    assert account.name == "c"  # and reading it needs no session
    assert await names(bank) == ["a", "b", "c"]


async def test_a_connection_lost_at_commit_leaves_the_outcome_unknown(
    bank: Database[Work],
) -> None:
    attempts = 0

    async def die_at_commit(work: Work) -> None:
        nonlocal attempts
        attempts += 1
        await work.accounts.add(Account(name="c"))
        # A deferred trigger is how to make the server die while it commits.
        await work.session.execute(
            text(
                "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
            )
        )
        await work.session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON owners DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION die()"
            )
        )
        await work.session.execute(text("INSERT INTO owners DEFAULT VALUES"))

    with pytest.raises(errors.CommitUnknown):
        await bank.transact(die_at_commit)

    assert attempts == 1  # it was not run again
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
    async with transaction(bank.sessions()) as opened:
        assert opened is None


async def test_hooks_speak_once_a_transaction_and_hold_until_its_end(bank: Database[Work]) -> None:
    statements: list[str] = []

    def actor(_: Session) -> dict[str, str]:
        return {"app.actor": "ada"}

    def tenant(_: Session) -> dict[str, str]:
        return {"app.tenant": "7"}

    async with Database(bank.settings, Work, begin_hooks=(actor, tenant)) as hooked:
        event.listen(
            hooked.engine.sync_engine,
            "before_cursor_execute",
            lambda *args: statements.append(args[2]),
        )
        async with hooked.unit_of_work() as work, work.savepoint():
            said = await work.session.scalar(
                text("SELECT current_setting('app.actor') || current_setting('app.tenant')")
            )
        async with bank.unit_of_work() as work:
            outside = await work.session.scalar(text("SELECT current_setting('app.actor', true)"))

    assert said == "ada7"
    assert outside is None
    assert sum("set_config" in statement for statement in statements) == 1


async def test_behind_pgbouncer_the_timeouts_are_set_at_begin(bank: Database[Work]) -> None:
    settings = bank.settings.model_copy(update={"pgbouncer": True, "lock_timeout": 1.5})

    async with Database(settings, Work) as pooled, pooled.unit_of_work() as work:
        timeout = await work.session.scalar(text("SHOW lock_timeout"))
        prepared = await work.session.scalar(text("SELECT count(*) FROM pg_prepared_statements"))

    assert timeout == "1500ms"
    assert prepared == 0
