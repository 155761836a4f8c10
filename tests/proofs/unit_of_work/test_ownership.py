"""Nobody but the unit of work ends its transaction, in the application and in tests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from itertools import product
from typing import Any

import pytest
from sqlalchemy import URL, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from shop.db import Database, errors
from shop.models import User
from shop.unit_of_work import Database as ShopDatabase
from shop.unit_of_work import UnitOfWork
from tests.factories import UserFactory
from tests.proofs.support.accounts import Account, Work, names
from tools.sources import connect

End = Callable[[AsyncSession], Awaitable[object]]


async def begin_block(session: AsyncSession) -> None:
    async with session.begin():
        pass


async def own_block(session: AsyncSession) -> None:
    async with session:
        pass


async def commit_connection(session: AsyncSession) -> None:
    await (await session.connection()).commit()


async def roll_connection_back(session: AsyncSession) -> None:
    await (await session.connection()).rollback()


def current(session: AsyncSession) -> AsyncSessionTransaction:
    found = session.get_transaction()
    assert found is not None
    return found


def said(statement: str) -> End:
    return lambda session: session.execute(text(statement))


ENDS: dict[str, End] = {
    "commit": lambda session: session.commit(),
    "rollback": lambda session: session.rollback(),
    "begin": begin_block,
    "close": lambda session: session.close(),
    "async with session": own_block,
    "reset": lambda session: session.reset(),
    "invalidate": lambda session: session.invalidate(),
    "sync_session.commit": lambda session: session.run_sync(lambda sync: sync.commit()),
    "sync_session.rollback": lambda session: session.run_sync(lambda sync: sync.rollback()),
    "sync_session.begin": lambda session: session.run_sync(lambda sync: sync.begin()),
    "sync_session.close": lambda session: session.run_sync(lambda sync: sync.close()),
    "connection.commit": commit_connection,
    "connection.rollback": roll_connection_back,
    "COMMIT": said("COMMIT"),
    "end": said(" ;\n end work"),
    "ABORT": said("/* never\nmind */ ABORT"),
    "rollback as text": said("-- no\nRollback and chain"),
    "PREPARE TRANSACTION": said("PREPARE TRANSACTION 'half'"),
}
# In `isolated` a transaction is a savepoint, and so looks like one here.
ON_A_DATABASE: dict[str, End] = {
    **ENDS,
    "transaction.commit": lambda session: current(session).commit(),
    "transaction.rollback": lambda session: current(session).rollback(),
}


@asynccontextmanager
async def refused() -> AsyncIterator[None]:
    with pytest.raises(errors.UnitOfWorkError, match="only its unit of work ends a transaction"):
        yield


# The end of a savepoint warns, if the connection's transaction has ended before it.
deassociated = pytest.mark.filterwarnings("ignore:.*deassociated:sqlalchemy.exc.SAWarning")


@deassociated
async def test_what_ends_the_transaction_is_refused_and_commits_no_half(
    bank: Database[Work],
) -> None:
    refusals = 0
    for end, savepoint, goes_on in product(ON_A_DATABASE.values(), [False, True], [False, True]):

        async def work(
            work: Work, end: End = end, savepoint: bool = savepoint, goes_on: bool = goes_on
        ) -> None:
            nonlocal refusals
            await work.accounts.add(Account(name="first half"))
            async with refused(), work.savepoint() if savepoint else nullcontext():
                await end(work.session)
            refusals += 1
            await work.accounts.add(Account(name="second half"))
            if not goes_on:
                raise ZeroDivisionError

        with suppress(ZeroDivisionError, errors.UnitOfWorkError):
            await bank.transact(work)
        kept = (await names(bank))[2:]
        assert kept in ([], ["first half", "second half"])
        assert not kept or goes_on
        async with bank.unit_of_work() as cleaner:
            await cleaner.accounts.delete_where(Account.name.contains("half"))
        assert bank.pool is not None
        assert bank.pool.checked_out == 0
    print(f"{refusals} ways to end a transaction were refused")
    assert refusals == 4 * len(ON_A_DATABASE)


@deassociated
async def test_a_unit_of_work_that_reads_or_has_no_statement_yet_refuses_it_too(
    bank: Database[Work],
) -> None:
    for end in ENDS.values():
        with suppress(errors.UnitOfWorkError):
            async with bank.unit_of_work(read_only=True) as reads, refused():
                await end(reads.session)


async def test_a_transaction_that_commits_each_statement_is_refused(bank: Database[Work]) -> None:
    writes: list[Callable[[Work], Awaitable[object]]] = [
        lambda work: work.accounts.add(Account(name="half")),
        lambda work: work.accounts.insert_rows([{"name": "half"}]),
    ]
    for level in ("AUTOCOMMIT", "autocommit"):
        for write in writes:
            with suppress(errors.UnitOfWorkError):
                options: Any = {"isolation_level": level}
                async with bank.unit_of_work(**options) as work, refused():
                    await write(work)
            with suppress(errors.UnitOfWorkError):
                async with bank.unit_of_work() as work, refused():
                    await work.session.connection(execution_options={"isolation_level": level})
                    await write(work)

    assert await names(bank) == ["a", "b"]
    assert bank.pool is not None
    assert bank.pool.checked_out == 0


@pytest.mark.parametrize("name", ["commit", "connection.commit", "COMMIT", "rollback", "close"])
async def test_the_fixtures_refuse_it_too(
    isolated: ShopDatabase, database_url: URL, name: str
) -> None:
    async def work(uow: UnitOfWork) -> None:
        await uow.users.add(UserFactory.build())
        async with refused():
            await ENDS[name](uow.session)

    with suppress(errors.UnitOfWorkError):
        await isolated.transact(work)
    async with connect(database_url) as other:
        assert await other.scalar(select(func.count()).select_from(User)) == 0


@pytest.mark.parametrize("name", ["commit", "connection.commit", "COMMIT", "rollback", "close"])
async def test_the_fixture_uow_refuses_it_too(uow: UnitOfWork, name: str) -> None:
    async with refused(), uow.savepoint() if name in {"commit", "COMMIT"} else nullcontext():
        await ENDS[name](uow.session)


async def test_savepoints_are_free(bank: Database[Work]) -> None:
    async with bank.unit_of_work() as work:
        async with work.session.begin_nested() as savepoint:
            await work.accounts.add(Account(name="undone", balance=0))
            await savepoint.rollback()
        await work.session.execute(text("SAVEPOINT mine"))
        await work.session.execute(
            text("INSERT INTO accounts (name, balance) VALUES ('undone', 0)")
        )
        await work.session.execute(text("ROLLBACK TO SAVEPOINT mine"))
        await work.session.execute(text("ROLLBACK WORK TO mine"))
        connection = await work.session.connection()
        async with connection.begin_nested() as inner:
            await work.session.execute(
                text("INSERT INTO accounts (name, balance) VALUES ('undone', 0)")
            )
            await inner.rollback()
        await work.accounts.add(Account(name="kept"))

    assert await names(bank) == ["a", "b", "kept"]


async def test_a_plain_session_commits_and_rolls_back_as_its_owner_says(
    bank: Database[Work],
) -> None:
    async with bank.sessions() as session:
        session.add(Account(name="kept"))
        await session.commit()
        session.add(Account(name="lost"))
        await session.flush()
        await session.rollback()
        assert await session.scalar(select(func.count()).select_from(Account)) == 3
    async with bank.sessions.begin() as session:
        session.add(Account(name="kept too"))

    assert await names(bank) == ["a", "b", "kept", "kept too"]
