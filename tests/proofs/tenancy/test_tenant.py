"""A session has one tenant. Without a tenant it sees nothing, and usually an error comes first."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import URL, Table, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, aliased

from shop import db
from shop.db import DatabaseSettings, record_queries
from shop.db.errors import InsufficientPrivilege
from shop.db.mixins import bigint, uuid4, uuid7
from shop.db.tenancy import Database, NoTenant, Tenant, Tenanted, TenantError, tenant_scope
from shop.db.tenancy.tenant import tenant_hook
from tests.proofs.tenancy.tables import (
    A,
    B,
    Country,
    Customer,
    Order,
    Shop,
    rows,
    shop_on,
)

customers: Table = Customer.metadata.tables["customers"]


async def fill(shop: Shop) -> None:
    for tenant in (A, B):
        async with shop.unit_of_work(info=tenant) as uow:
            await uow.customers.add(Customer(email="a@example.com"))


async def emails(shop: Shop, **options: Any) -> list[str]:
    async with shop.unit_of_work(**options) as uow:
        return list(await uow.session.scalars(select(Customer.email)))


async def test_a_unit_of_work_sees_the_rows_of_its_tenant(shop: Shop) -> None:
    await fill(shop)

    assert await emails(shop, info=A) == ["a@example.com"]
    with tenant_scope(B):
        assert await emails(shop) == ["a@example.com"]
        assert await emails(shop, info=B) == ["a@example.com"]


async def test_a_new_row_gets_the_tenant_of_its_session(shop: Shop, owner: AsyncConnection) -> None:
    async with shop.unit_of_work(info=A) as uow:
        added = await uow.customers.add(Customer(email="added"))
        await uow.customers.insert_rows([{"email": "a row"}])
        await uow.session.execute(
            text("INSERT INTO customers (id, email) VALUES (gen_random_uuid(), 'SQL')")
        )

    assert added.tenant_id == A.id
    found = await rows(owner, "SELECT DISTINCT tenant_id FROM customers")
    assert found == [(A.id,)]


@pytest.mark.parametrize("key", [bigint.PrimaryKey, uuid4.PrimaryKey, uuid7.PrimaryKey])
async def test_many_new_rows_are_inserted_by_one_statement(
    shop_url: URL, owner: AsyncConnection, key: type
) -> None:
    class Own(DeclarativeBase):
        pass

    class Row(Tenanted, key, Own):  # type: ignore[misc]  # the key differs
        __tablename__ = "rows"

    await owner.run_sync(Own.metadata.create_all)
    await owner.exec_driver_sql("GRANT ALL ON rows TO PUBLIC")
    settings = DatabaseSettings(_env_file=None, url=shop_url)

    async with (
        Database(settings, db.UnitOfWork, metadata=Own.metadata) as database,
        database.unit_of_work(info=A) as uow,
    ):
        added = [Row() for _ in range(20)]
        uow.session.add_all(added)
        with record_queries(database.engine) as queries:
            await uow.session.flush()
        assert len({each.id for each in added}) == 20

    assert sum(str(each).count("INSERT") for each in queries) == 1


@pytest.mark.parametrize("pgbouncer", [False, True])  # True sets timeouts at the beginning too
async def test_a_transaction_has_one_more_round_trip(
    shop: Shop, shop_url: URL, pgbouncer: bool
) -> None:
    await fill(shop)

    async with shop_on(shop_url, pgbouncer=pgbouncer) as same:
        await emails(same, info=A)  # the first one also checks the role
        with record_queries(same.engine) as queries:
            await emails(same, info=A)

    assert len(queries) == 2


async def test_a_test_that_counts_queries_does_not_count_the_check_of_the_role(
    isolated: Database[Any, Any], max_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    with max_queries(2):
        async with isolated.unit_of_work() as uow:
            await uow.session.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    "statement",
    [
        select(Customer),
        select(Customer.email),
        select(aliased(Customer)),
        select(Country).where(select(Order.id).exists()),
        select(select(func.count()).select_from(Customer).scalar_subquery()),
        select(customers.c.email),
        select(Country).join(Customer, Customer.note == Country.code),
        select(Customer.email).union_all(select(Country.code)),
        insert(Customer).values(email="x"),
        update(Customer).values(email="x"),
        delete(customers),
        select(Customer).cte().select(),
    ],
)
async def test_a_statement_for_a_tenants_table_without_a_tenant_is_refused_before_it_is_sent(
    shop: Shop, statement: Any
) -> None:
    with record_queries(shop.engine) as queries, pytest.raises(TenantError, match="no tenant"):
        async with shop.unit_of_work() as uow:
            await uow.session.execute(statement)

    assert not list(queries)


async def test_a_row_without_a_tenant_is_not_flushed(shop: Shop) -> None:
    with pytest.raises(TenantError, match="no tenant"):
        async with shop.unit_of_work() as uow:
            await uow.customers.add(Customer(email="x"))


async def test_tables_that_are_open_need_no_tenant(shop: Shop) -> None:
    async with shop.unit_of_work() as uow:
        uow.session.add(Country(code="fr"))
        await uow.session.flush()
        assert list(await uow.session.scalars(select(Country.code))) == ["fr"]


async def test_sql_as_text_without_a_tenant_finds_nothing_and_writes_nothing(shop: Shop) -> None:
    await fill(shop)

    async with shop.unit_of_work() as uow:
        for each in ("SELECT 1 FROM customers", "UPDATE customers SET note = '' RETURNING 1"):
            assert not (await uow.session.execute(text(each))).all()
        assert await uow.session.scalar(text("SELECT count(*) FROM customers")) == 0
        with pytest.raises(InsufficientPrivilege):
            async with uow.savepoint():
                await uow.customers.insert_rows([{"email": "x"}])


async def test_the_tenant_of_a_session_cannot_change(shop: Shop) -> None:
    await fill(shop)

    async with shop.unit_of_work(info=A) as uow:
        await uow.customers.count()
        uow.session.info[Tenant] = B
        with pytest.raises(TenantError, match="cannot change"):
            await uow.customers.count()
        uow.session.info[Tenant] = A
    async with shop.sessions(info={Tenant: A}) as session:
        await session.scalars(select(Customer))
        await session.commit()
        session.info[Tenant] = B
        with pytest.raises(TenantError, match="cannot change"):
            await session.execute(text("SELECT 1"))
    async with shop.sessions() as session:
        await session.execute(text("SELECT 1"))
        with tenant_scope(A), pytest.raises(TenantError, match="cannot change"):
            await session.scalars(select(Customer))


async def test_a_plain_session_does_not_keep_the_tenant_of_a_scope_that_ended(shop: Shop) -> None:
    async with shop.sessions() as session:
        with tenant_scope(A):
            await session.execute(select(Customer))
            await session.commit()
        with pytest.raises(TenantError, match="cannot change"):
            await session.execute(text("SELECT 1"))


async def test_two_tenants_at_the_same_time_are_refused(shop: Shop) -> None:
    with tenant_scope(A):
        with tenant_scope(A):
            pass
        with pytest.raises(TenantError, match="two tenants"), tenant_scope(B):
            pass
        with pytest.raises(TenantError, match="two tenants"):
            await emails(shop, info=B)


async def test_a_worker_does_not_keep_the_tenant_of_the_last_job(shop: Shop) -> None:
    await fill(shop)
    seen: list[object] = []

    async def worker(jobs: asyncio.Queue[Tenant | None]) -> None:
        while not jobs.empty():
            tenant = await jobs.get()
            try:
                if tenant is None:
                    seen.append(await emails(shop))
                else:
                    with tenant_scope(tenant):
                        seen.extend(await emails(shop))
                        raise ZeroDivisionError
            except (TenantError, ZeroDivisionError) as error:
                seen.append(type(error))

    jobs: asyncio.Queue[Tenant | None] = asyncio.Queue()
    for each in (A, None, B):
        jobs.put_nowait(each)
    await worker(jobs)

    failed, found = ZeroDivisionError, "a@example.com"
    assert seen == [found, failed, NoTenant, found, failed]


async def test_the_setting_is_always_written_and_ends_with_its_transaction(shop: Shop) -> None:
    query = text("SELECT current_setting('app.tenant_id', true)")

    async with shop.engine.connect() as connection:  # the same connection of the pool each time
        process = await connection.scalar(text("SELECT pg_backend_pid()"))
    for info, wanted in ((A, str(A.id)), ((), ""), (B, str(B.id))):
        async with shop.unit_of_work(info=info) as uow:
            assert await uow.session.scalar(query) == wanted
        async with shop.engine.connect() as connection:
            assert await connection.scalar(text("SELECT pg_backend_pid()")) == process
            assert await connection.scalar(query) == ""


async def test_a_savepoint_that_rolls_back_keeps_the_tenant(shop: Shop) -> None:
    await fill(shop)

    async with shop.unit_of_work(info=A) as uow:
        with pytest.raises(ZeroDivisionError):
            async with uow.savepoint():
                assert await uow.customers.count() == 1
                raise ZeroDivisionError
        assert await uow.customers.count() == 1


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_tenant_is_refused(empty: object) -> None:
    with pytest.raises(TenantError, match="id of a tenant is empty"):
        Tenant(empty)


def test_the_hook_writes_the_empty_string_if_there_is_no_tenant(shop: Shop) -> None:
    session = shop.sessions().sync_session

    assert tenant_hook(session) == {"app.tenant_id": ""}
