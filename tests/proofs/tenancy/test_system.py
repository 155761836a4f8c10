"""The system works for all tenants, by a role that policies do not bind."""

import logging

import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.audit import Actor, actor_hook
from shop.db.errors import InsufficientPrivilege, SettingsError
from shop.db.tenancy import TenantError, system_database
from tests.proofs.tenancy.tables import A, Customer, Shop, UnitOfWork, rows
from tests.proofs.tenancy.test_tenant import emails, fill


async def test_the_system_works_for_all_tenants_and_leaves_traces(
    shop: Shop,
    owner: AsyncConnection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await fill(shop)
    url = owner.engine.url
    monkeypatch.setenv("SYSTEM_DATABASE_URL", url.render_as_string(hide_password=False))
    caplog.set_level(logging.INFO, "shop.db.tenancy.system")

    async with (
        system_database(UnitOfWork, actor_hook) as system,
        system.unit_of_work(info=Actor("billing")) as uow,
    ):
        assert await uow.customers.count() == 2
        await uow.customers.add(Customer(tenant_id=A.id, email="added"))
    async with system_database(UnitOfWork) as system:
        with pytest.raises(TenantError, match="works for all tenants"):  # it would see all of them
            async with system.unit_of_work(info=A) as uow:
                await uow.customers.count()

    assert sorted(await emails(shop, info=A)) == ["a@example.com", "added"]
    query = "SELECT actor, db_user FROM audit_log WHERE new ->> 'email' = 'added'"
    assert await rows(owner, query) == [("billing", url.username)]
    assert f"a transaction for all tenants begins in {__file__}:" in caplog.text


async def test_the_system_does_not_leave_rows_out_if_policies_bind_its_role(
    shop: Shop, shop_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(shop)
    monkeypatch.setenv("SYSTEM_DATABASE_URL", shop_url.render_as_string(hide_password=False))

    with pytest.raises(InsufficientPrivilege):
        async with system_database(UnitOfWork) as system, system.unit_of_work() as uow:
            await uow.customers.count()
    monkeypatch.delenv("SYSTEM_DATABASE_URL")
    with pytest.raises(SettingsError, match="SYSTEM_DATABASE_URL is not set"):
        system_database(UnitOfWork)
