"""Statements are recorded, and slow and repeated ones are logged, without their parameters."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from shop.db import Database, errors, record_queries
from shop.unit_of_work import UnitOfWork
from tests.proofs.support.accounts import Account, Work

Change = Callable[..., Database[Work]]
MaxQueries = Callable[[int], AbstractContextManager[None]]


@pytest.fixture
async def changed(bank: Database[Work]) -> AsyncIterator[Change]:
    """A function that returns a database with other settings."""
    made: list[Database[Work]] = []

    def change(**values: Any) -> Database[Work]:
        made.append(Database(bank.settings.model_copy(update=values), Work))
        return made[-1]

    yield change
    for database in made:
        await database.dispose()


async def test_statements_are_recorded_until_the_block_ends(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        await work.session.execute(text("SELECT 'before'"))
        with record_queries(bank.engine) as statements:
            await work.session.execute(text("SELECT :n, pg_sleep(0.05)"), {"n": "s3cr3t"})
            async with work.savepoint():  # savepoints and SET are not recorded
                await work.session.execute(text("SET LOCAL lock_timeout = '1s'"))
                await work.accounts.count()
        await work.session.execute(text("SELECT 'after'"))

    assert [each.text.split()[0] for each in statements] == ["SELECT", "SELECT"]
    assert 0.05 <= statements[0].seconds < 5
    assert "s3cr3t" not in str(statements)


async def test_a_failed_statement_is_recorded_too(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        with record_queries(bank.engine) as statements, pytest.raises(errors.DataException):
            async with work.savepoint():
                await work.session.execute(text("SELECT 1/0"))

    assert [each.text for each in statements] == ["SELECT 1/0"]


async def test_only_the_given_engines_are_recorded(bank: Database[Work], changed: Change) -> None:
    second, third = changed(), changed()

    with record_queries(bank.engine, second.engine) as statements:
        for number, database in enumerate([bank, second, third], start=1):
            async with database.unit_of_work() as work:
                await work.session.execute(text(f"SELECT {number}"))

    assert [each.text for each in statements] == ["SELECT 1", "SELECT 2"]


async def test_max_queries_lists_the_statements(
    session: AsyncSession, database: Database[UnitOfWork], max_queries: MaxQueries
) -> None:
    with max_queries(2):  # the savepoint at the start of the session does not count
        await session.execute(text("SELECT 1"))
        async with database.unit_of_work() as uow:
            await uow.session.execute(text("SELECT 2"))

    with pytest.raises(pytest.fail.Exception) as failure, max_queries(1):
        await session.execute(text("SELECT\n  1"))
        async with database.unit_of_work() as uow:
            await uow.session.execute(text("SELECT 2"))

    message = "the block ran 2 queries, and the limit is 1:\n1. SELECT 1\n2. SELECT 2"
    assert str(failure.value) == message


async def test_max_queries_does_not_replace_an_error_of_the_block(
    session: AsyncSession, max_queries: MaxQueries
) -> None:
    with pytest.raises(ZeroDivisionError), max_queries(0):
        await session.execute(text("SELECT 1"))
        raise ZeroDivisionError


async def test_a_slow_statement_is_logged(
    changed: Change, caplog: pytest.LogCaptureFixture
) -> None:
    async with changed(log_statements_longer_than=0.1).unit_of_work() as work:
        await work.session.execute(text("SELECT 'quick'"))
        await work.session.execute(text("SELECT :n,\n pg_sleep(0.11)"), {"n": "s3cr3t"})

    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "shop.db.engine.query_log")
    assert record.getMessage().startswith("a statement took 0.")
    assert record.getMessage().endswith(" s: SELECT $1, pg_sleep(0.11)")


async def test_a_statement_that_ran_into_its_timeout_is_logged(
    changed: Change, caplog: pytest.LogCaptureFixture
) -> None:
    database = changed(log_statements_longer_than=0.1, statement_timeout=0.15)

    with pytest.raises(errors.QueryCanceled):
        async with database.unit_of_work() as work:
            await work.session.execute(text("SELECT pg_sleep(60)"))

    [record] = caplog.records
    assert record.getMessage().endswith("SELECT pg_sleep(60)")


async def test_a_long_statement_is_shortened_in_the_log(
    changed: Change, caplog: pytest.LogCaptureFixture
) -> None:
    async with changed(log_statements_longer_than=0.000001).unit_of_work() as work:
        await work.session.execute(text(f"SELECT '{'x' * 5000}'"))

    assert "xxx…" in caplog.text
    assert len(caplog.text) < 1500


async def test_a_statement_in_a_loop_is_logged_once_with_its_place(
    changed: Change, caplog: pytest.LogCaptureFixture
) -> None:
    database = changed(log_statements_repeated_more_than=2)

    async def in_a_loop(times: int) -> None:
        async with database.unit_of_work() as work:
            for n in range(times):
                await work.session.execute(text("SELECT :n"), {"n": str(n)})

    await in_a_loop(2)
    async with database.engine.connect() as connection:  # two transactions, one connection
        for _ in range(2):
            for n in range(2):
                await connection.execute(text("SELECT :n"), {"n": str(n)})
            await connection.commit()
    assert caplog.records == []

    await in_a_loop(5)
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "shop.db.engine.query_log")
    message = record.getMessage()
    assert message.startswith("a statement ran more than 2 times in one transaction, now at ")
    assert message.endswith("<locals>.in_a_loop: SELECT $1")


async def test_a_statement_that_fails_in_a_loop_is_logged_too(
    changed: Change, caplog: pytest.LogCaptureFixture
) -> None:
    async with changed(log_statements_repeated_more_than=1).unit_of_work() as work:
        for _ in range(3):
            with pytest.raises(errors.DataException):
                async with work.savepoint():
                    await work.session.execute(text("SELECT 1/0"))

    [message] = caplog.messages
    assert message.startswith("a statement ran more than 1 times in one transaction, now at ")
    assert message.endswith(": SELECT 1/0")


async def test_the_batches_of_one_call_are_not_logged_as_a_loop(
    changed: Change, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"name": f"{n}"} for n in range(5000)]

    database = changed(log_statements_repeated_more_than=1)
    async with database.unit_of_work() as work:
        with record_queries(database.engine) as statements:
            await work.session.scalars(insert(Account).returning(Account.id), rows)

    assert len(statements) > 2
    assert caplog.records == []


async def test_nothing_is_logged_if_the_log_is_off(
    changed: Change, caplog: pytest.LogCaptureFixture
) -> None:
    database = changed(log_statements_longer_than=0, log_statements_repeated_more_than=0)
    busy = changed(log_statements_longer_than=9, log_statements_repeated_more_than=9)

    async with database.unit_of_work() as work:
        for _ in range(3):
            await work.session.execute(text("SELECT pg_sleep(0.01)"))

    assert caplog.records == []
    assert listeners(database) == listeners(busy) - 1  # both logs share one measurement


def listeners(database: Database[Work]) -> int:
    return len(list(database.engine.sync_engine.dispatch.before_cursor_execute))


def test_by_default_only_slow_statements_are_logged(bank: Database[Work]) -> None:
    assert bank.settings.log_statements_longer_than == 1
    assert bank.settings.log_statements_repeated_more_than == 0
