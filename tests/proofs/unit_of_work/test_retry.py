"""Which transactions run again, as a whole, and which do not."""

import asyncio
import time

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from shop.db import Database, errors, retry
from tests.proofs.support.accounts import Account, Work, names


async def test_a_deadlock_is_tried_again_until_both_are_done(bank: Database[Work]) -> None:
    barrier, runs = asyncio.Barrier(2), 0

    async def move(first: str, second: str) -> None:
        nonlocal runs
        runs += 1
        once = runs <= 2

        async def work_on(work: Work) -> None:
            nonlocal runs, once
            for name in (first, second):
                account = await work.accounts.one_or_none(Account.name == name)
                assert account is not None
                await work.session.refresh(account, with_for_update=True)
                if name == first and once:
                    once = False
                    await barrier.wait()
                await work.accounts.update(account, balance=account.balance + 1)

        await bank.transact(work_on)

    await asyncio.gather(move("a", "b"), move("b", "a"))

    async with bank.unit_of_work() as work:
        assert {account.balance for account in await work.accounts.all()} == {102}


async def test_only_work_that_may_succeed_is_tried_again(bank: Database[Work]) -> None:
    attempts = 0

    async def duplicate(work: Work) -> None:
        nonlocal attempts
        attempts += 1
        await work.accounts.add(Account(name="a"))

    with pytest.raises(errors.UniqueViolation):
        await bank.transact(duplicate)

    assert attempts == 1


async def test_the_number_of_attempts_is_limited_and_each_has_a_new_session(
    bank: Database[Work],
) -> None:
    sessions: list[AsyncSession] = []

    async def lose_the_connection(work: Work) -> None:
        sessions.append(work.session)
        await work.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(errors.ConnectionFailure):
        await bank.transact(lose_the_connection, attempts=3)

    assert len(set(sessions)) == 3


async def test_each_failure_before_the_last_is_announced_with_its_number(
    bank: Database[Work],
) -> None:
    async def lose_the_connection(work: Work) -> None:
        await work.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    announced: list[RetryDetails] = []

    def announce(details: RetryDetails) -> None:
        announced.append(details)

    before = get_on_retry_hooks()
    set_on_retry_hooks([announce])
    try:
        with pytest.raises(errors.ConnectionFailure):
            await bank.transact(lose_the_connection, attempts=3)
    finally:
        set_on_retry_hooks(before)

    assert [each.retry_num for each in announced] == [1, 2]
    assert {type(each.caused_by) for each in announced} == {errors.ConnectionFailure}


async def test_the_result_of_the_work_is_returned_after_the_commit(bank: Database[Work]) -> None:
    account = await bank.transact(lambda work: work.accounts.add(Account(name="c")))

    assert account.name == "c"  # it can be read without a session
    assert await names(bank) == ["a", "b", "c"]


async def test_work_is_tried_again_if_its_connection_is_lost_before_commit(
    bank: Database[Work],
) -> None:
    runs = 0

    async def lose_it_once(work: Work) -> None:
        nonlocal runs
        runs += 1
        await work.accounts.add(Account(name="c"))
        backend = await work.session.scalar(text("SELECT pg_backend_pid()"))
        if runs == 1:
            async with bank.engine.connect() as other:
                await other.execute(
                    text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend}
                )

    await bank.transact(lose_it_once)

    assert runs == 2
    assert await names(bank) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "expected"), [("INSERT", "abc"), ("UPDATE", "xb"), ("DELETE", "b")]
)
async def test_work_is_tried_again_if_its_connection_is_lost_in_the_last_flush(
    bank: Database[Work], change: str, expected: str
) -> None:
    async with bank.engine.begin() as connection:
        for statement in (
            "CREATE SEQUENCE changes",
            "CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
            " IF nextval('changes') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
            " RETURN COALESCE(NEW, OLD); END$$",
            f"CREATE TRIGGER die_once BEFORE {change} ON accounts"
            " FOR EACH ROW EXECUTE FUNCTION die_once()",
        ):
            await connection.execute(text(statement))

    async def work_on(work: Work) -> None:
        # The change is written when the block ends, before COMMIT.
        first = await work.accounts.one_or_none(Account.name == "a")
        assert first is not None
        if change == "INSERT":
            work.session.add(Account(name="c"))
        elif change == "UPDATE":
            first.name = "x"
        else:
            await work.session.delete(first)

    await bank.transact(work_on)

    assert await names(bank) == [*expected]


async def test_work_is_tried_again_if_a_cached_plan_is_out_of_date(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        await work.accounts.all()
    async with Database(bank.settings, Work) as other, other.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE accounts ALTER COLUMN secret TYPE varchar(9)"))

    assert len(await bank.transact(lambda work: work.accounts.all())) == 2


async def test_the_outcome_is_unknown_if_the_connection_is_lost_at_commit(
    bank: Database[Work],
) -> None:
    attempts = 0

    async def die_at_commit(work: Work) -> None:
        nonlocal attempts
        attempts += 1
        await work.accounts.add(Account(name="c"))
        # A deferred trigger ends the server process during COMMIT.
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


async def test_the_waits_are_random_and_grow_and_only_their_number_is_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    clock = time.monotonic

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def fail() -> None:
        raise errors.SerializationFailure

    # The waits take a minute by this clock. Only waits move it forward.
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(waits))
    with pytest.raises(errors.SerializationFailure):
        await retry(fail, attempts=40)

    assert len(waits) == 39
    assert all(0 <= wait - 0.02 * 2**n <= 0.05 for n, wait in enumerate(waits[:6]))
    assert len({wait - 0.02 * 2**n for n, wait in enumerate(waits[:6])}) == 6
    assert set(waits[7:]) == {2.0}
