"""Ways to the rows of another tenant beside the policies: sessions, engines, hooks, entities, tasks."""

import asyncio
import io
from collections.abc import Awaitable, Mapping
from typing import Any

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session

from shop.db import DatabaseSettings
from shop.db.engine.create import create_engine
from shop.db.errors import Error, InsufficientPrivilege, NotFound, StaleData, UnitOfWorkError
from shop.db.tenancy import (
    Database,
    NoTenant,
    Tenant,
    TenantError,
    UnsafeRole,
    tenant_attributes,
    tenant_scope,
)
from tests.proofs.tenancy.tables import (
    A,
    B,
    Base,
    Customer,
    Order,
    ReadUnitOfWork,
    Shop,
    UnitOfWork,
    shop_on,
)
from tests.proofs.tenancy.test_tenant import fill

QUERY = text("SELECT count(*) FROM customers")


async def test_a_plain_session_does_not_begin_if_policies_do_not_bind_the_role(
    shop: Shop, owner: AsyncConnection
) -> None:
    await fill(shop)
    unsafe = shop_on(owner.engine.url)  # without `async with`, as in a script

    async with unsafe.sessions(info={Tenant: A}) as session:
        for refused in (UnsafeRole, Error):  # it does not begin later either
            with pytest.raises(refused):
                await session.scalar(QUERY)
    await unsafe.dispose()


@pytest.mark.parametrize("reads", [True, False])
async def test_another_server_for_reads_needs_a_role_that_policies_bind(
    shop: Shop, shop_url: URL, owner: AsyncConnection, reads: bool
) -> None:
    """One of the two servers has a role that they do not bind: the one for reads, or the other one."""

    class Replicated(Database[UnitOfWork, ReadUnitOfWork]):
        def choose_engine(self, *, read_only: bool) -> AsyncEngine:
            return replica if read_only else self.engine

    urls = {reads: owner.engine.url, not reads: shop_url}
    replica = create_engine(DatabaseSettings(_env_file=None, url=urls[True]))
    settings = DatabaseSettings(_env_file=None, url=urls[False])
    database = Replicated(settings, UnitOfWork, ReadUnitOfWork, metadata=Base.metadata)

    with pytest.raises(UnsafeRole):
        async with database:
            pytest.fail("the program started")
    with pytest.raises(UnsafeRole):
        async with database.open_session(read_only=reads, info=A) as session:
            await session.scalar(QUERY)
    async with database.open_session(read_only=not reads, info=A) as session:
        await session.scalar(QUERY)
    await database.dispose()
    await replica.dispose()


async def test_another_begin_hook_cannot_name_the_tenant(shop: Shop, shop_url: URL) -> None:
    def hook(_: Session) -> Mapping[str, str]:
        return {"app.tenant_id": str(B.id)}

    settings = DatabaseSettings(_env_file=None, url=shop_url)
    async with (
        Database(settings, UnitOfWork, metadata=Base.metadata, begin_hooks=(hook,)) as database,
        database.unit_of_work(info=A) as uow,
    ):
        await uow.customers.add(Customer(email="a@example.com"))


async def test_what_a_connection_keeps_does_not_show_rows_of_the_last_tenant(
    shop: Shop, shop_url: URL
) -> None:
    """A session setting that names the tenant, and plans for every tenant."""
    await fill(shop)
    settings = ("SET app.tenant_id = '{}'", "SET plan_cache_mode = force_generic_plan")
    owners = text("SELECT tenant_id FROM customers WHERE email = 'a@example.com'")

    async with shop_on(shop_url, pool_size=1, max_overflow=0) as one:
        async with one.unit_of_work(info=A) as uow:
            await uow.session.scalar(owners)
            for each in settings:
                await uow.session.execute(text(each.format(A.id)))
        for tenant in (B, None, A) * 3:
            async with one.unit_of_work(info=tenant or ()) as uow:
                wanted = [tenant.id] if tenant else []
                assert [*await uow.session.scalars(owners)] == wanted
                raw = await (await uow.session.connection()).get_raw_connection()
                driver: Any = raw.driver_connection
                copied = io.BytesIO()
                await driver.copy_from_table("customers", columns=["tenant_id"], output=copied)
                assert copied.getvalue().decode().split() == [str(each) for each in wanted]


async def test_the_row_of_another_tenant_cannot_be_used_in_a_session(shop: Shop) -> None:
    """An entity may outlive its unit of work, and come into one of another tenant."""
    async with shop.unit_of_work(info=A) as uow:
        foreign = await uow.customers.add(Customer(email="a@example.com"))
    async with shop.unit_of_work(info=B) as uow:
        await uow.orders.add(Order(amount=1))

    async def add(uow: UnitOfWork) -> None:
        await uow.orders.add(Order(customer=foreign, amount=2))

    async def move(uow: UnitOfWork) -> None:
        [own] = await uow.orders.all()
        own.customer = foreign
        await uow.session.flush()

    async def change(uow: UnitOfWork) -> None:
        uow.session.add(foreign)
        await uow.customers.update(foreign, note="stolen")

    async def read_again(uow: UnitOfWork) -> None:
        uow.session.add(foreign)
        await uow.session.refresh(foreign)

    async def merge(uow: UnitOfWork) -> None:
        await uow.session.merge(Customer(tenant_id=A.id, id=foreign.id, email="stolen"))
        await uow.session.flush()

    async def give(uow: UnitOfWork) -> None:
        await uow.orders.update_where(Order.amount == 1, tenant_id=A.id)

    async def find(uow: UnitOfWork) -> None:
        await uow.customers.get_by_keys([(A.id, foreign.id)])

    foreign_id = foreign.id
    works = {
        **dict.fromkeys((add, move, merge, give), InsufficientPrivilege),
        **{change: StaleData, read_again: UnitOfWorkError, find: NotFound},
    }
    for work, refused in works.items():
        with pytest.raises(refused) as error:
            async with shop.unit_of_work(info=B) as uow:
                await work(uow)
        assert str(A.id) not in str(error.value), work.__name__
        async with shop.unit_of_work(info=A) as uow:  # and nothing has changed
            foreign = await uow.customers.get_one((A.id, foreign_id))
            assert (foreign.email, foreign.note) == ("a@example.com", "")
            assert await uow.orders.count() == 0


async def test_a_task_that_starts_inside_of_a_unit_of_work_has_its_own_tenant(shop: Shop) -> None:
    await fill(shop)

    async def count(*info: Tenant) -> int:
        async with shop.unit_of_work(info=info) as uow:
            return await uow.customers.count()

    async with shop.unit_of_work(info=A) as uow:
        await uow.customers.count()
        async with asyncio.TaskGroup() as group:
            other = group.create_task(count(B))
            nobody = group.create_task(fails(count()))
        with tenant_scope(A):
            async with asyncio.TaskGroup() as group:
                refused = group.create_task(fails(count(B)))
                same = group.create_task(count())
            loop = asyncio.get_running_loop()
            # A thread of an executor does not inherit the scope. `to_thread` gives it on.
            assert await loop.run_in_executor(None, tenant_attributes) == {}
            assert await asyncio.to_thread(tenant_attributes) == {"app.tenant_id": str(A.id)}

    assert (other.result(), same.result()) == (1, 1)
    assert nobody.result() is NoTenant
    assert refused.result() is TenantError


async def fails(work: Awaitable[object]) -> type[Exception]:
    try:
        await work
    except Exception as error:
        return type(error)
    pytest.fail("it did not fail")
