"""Known mistakes, made on purpose. Each one is found: by a probe, by the models' test, or at the start.

The probe asks for what tenants must never get. It finds nothing in the real layer.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from sqlalchemy import (
    URL,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Session

from shop.db.dialect import dialect
from shop.db.errors import InsufficientPrivilege
from shop.db.tenancy import (
    Tenant,
    TenantError,
    UnsafeRole,
    tenant,
    tenant_scope,
)
from tests.proofs.tenancy.tables import A, B, Customer, Shop, UnitOfWork, shop_on

SETTING = text("SELECT current_setting('app.tenant_id', true)")
COUNT = text("SELECT count(*) FROM customers")


async def probe(shop: Shop) -> set[str]:
    """Return what leaks."""
    for each in (A, B):
        async with shop.unit_of_work(info=each) as uow:
            await uow.customers.add(Customer(email="a@example.com", note="old"))
    checks = (_reads, _writes, _gives, _keeps, _inherits, _remembers)
    return {check.__name__ for check in checks if await check(shop)}


async def _reads(shop: Shop) -> bool:
    """Whether somebody reads a row of another tenant, or without a tenant."""
    async with shop.unit_of_work() as uow:
        without = await uow.session.scalar(COUNT)
    async with shop.unit_of_work(info=A) as uow:
        return (without, await uow.session.scalar(COUNT)) != (0, 1)


async def _writes(shop: Shop) -> bool:
    """Whether a tenant changes a row of another one."""
    async with shop.unit_of_work(info=A) as uow:
        done = await uow.session.execute(text("UPDATE customers SET note = 'new' RETURNING 1"))
        return len(done.all()) != 1


async def _gives(shop: Shop) -> bool:
    """Whether a tenant adds a row for another one, or gives one away."""
    row = {"tenant_id": B.id, "email": "given"}
    gift = text("UPDATE customers SET tenant_id = :tenant_id, email = gen_random_uuid()")

    async def add(uow: UnitOfWork) -> None:
        await uow.customers.insert_rows([row])

    async def give(uow: UnitOfWork) -> None:
        await uow.session.execute(gift, {"tenant_id": B.id})

    return await _succeeds(shop, add) or await _succeeds(shop, give)


async def _succeeds(shop: Shop, work: Callable[[UnitOfWork], Awaitable[None]]) -> bool:
    try:
        async with shop.unit_of_work(info=A) as uow:
            async with uow.savepoint():
                await work(uow)
            raise ZeroDivisionError  # take it back
    except ZeroDivisionError:
        return True
    except InsufficientPrivilege:
        return False


async def _keeps(shop: Shop) -> bool:
    """Whether a connection in the pool keeps a tenant."""
    async with shop.unit_of_work(info=A) as uow:
        await uow.session.scalar(COUNT)
    async with shop.engine.connect() as connection:
        return bool(await connection.scalar(SETTING))


async def _inherits(shop: Shop) -> bool:
    """Whether a session on the connection of an outer transaction has the tenant before it."""
    async with shop.engine.connect() as connection, connection.begin():
        joined = {"bind": connection, "join_transaction_mode": "create_savepoint"}
        async with shop.sessions(**joined, info={Tenant: A}) as session:
            await session.scalar(COUNT)
            await session.commit()
        async with shop.sessions(**joined) as session:
            return bool(await session.scalar(COUNT))


async def _remembers(shop: Shop) -> bool:
    """Whether a worker has the tenant of its last job."""
    with tenant_scope(A):
        pass
    try:
        async with shop.unit_of_work() as uow:
            await uow.session.scalars(select(Customer))
    except TenantError:
        return False
    return True


async def test_nothing_leaks(shop: Shop) -> None:
    assert await probe(shop) == set()


# What one policy too wide would leak, if the restrictive policy did not stop it.
WIDE = {
    "ALTER POLICY tenant_select ON customers USING (tenant_id = NULLIF(current_setting("
    "'app.tenant_id', true), '')::uuid OR current_setting('app.tenant_id', true) = '')": {
        *("_reads", "_inherits")
    },
    "ALTER POLICY tenant_insert ON customers WITH CHECK (true)": {"_gives"},
    "ALTER POLICY tenant_update ON customers WITH CHECK (true)": {"_gives"},
    "CREATE POLICY extra ON customers USING (true)": {"_reads", "_writes", "_gives", "_inherits"},
}
OFF = "ALTER TABLE customers DISABLE ROW LEVEL SECURITY"
EVERYTHING = {"_reads", "_writes", "_gives", "_inherits"}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("mistake", WIDE)
async def test_one_policy_that_is_too_wide_leaks_nothing(
    shop: Shop, owner: AsyncConnection, mistake: str
) -> None:
    await owner.exec_driver_sql(mistake)

    assert await probe(shop) == set()


@pytest.mark.parametrize(("mistake", "leaks"), [*WIDE.items(), (OFF, EVERYTHING)])
async def test_a_policy_that_is_too_wide_is_found(
    shop: Shop, owner: AsyncConnection, mistake: str, leaks: set[str]
) -> None:
    await owner.exec_driver_sql("DROP POLICY tenant_boundary ON customers")
    await owner.exec_driver_sql(mistake)

    assert await probe(shop) == leaks


async def test_a_setting_that_outlives_its_transaction_is_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_session(settings: Mapping[str, str]) -> object:
        return select(*(func.set_config(name, value, False) for name, value in settings.items()))

    monkeypatch.setattr(dialect, "set_local", set_session)

    assert await probe(shop) == {"_keeps"}


async def test_a_hook_that_does_not_always_write_is_found(
    shop_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    always = tenant.tenant_hook

    def sometimes(session: Session) -> Mapping[str, str]:
        settings = always(session)
        return settings if settings["app.tenant_id"] else {}

    monkeypatch.setattr("shop.db.tenancy.tenant.tenant_hook", sometimes)
    monkeypatch.setattr("shop.db.tenancy.database.tenant_hook", sometimes)

    async with shop_on(shop_url) as shop:
        assert await probe(shop) == {"_inherits"}


async def test_a_worker_that_keeps_the_last_tenant_is_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def forever(each: Tenant) -> Iterator[None]:
        tenant._scope.set(each)
        yield

    monkeypatch.setattr("tests.proofs.tenancy.test_mutants.tenant_scope", forever)
    try:
        assert await probe(shop) == {"_remembers"}
    finally:
        tenant._scope.set(None)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("ALTER TABLE customers NO FORCE ROW LEVEL SECURITY", "customers has no forced"),
        ("ALTER TABLE customers DISABLE ROW LEVEL SECURITY", "customers has no forced"),
        ("ALTER ROLE {role} BYPASSRLS", "has BYPASSRLS or REPLICATION, so policies do not"),
        ("ALTER ROLE {role} SUPERUSER", "is a superuser, or has BYPASSRLS"),
        ("GRANT postgres TO {role}", 'is a member of "postgres", which policies do not bind'),
        ("ALTER TABLE customers OWNER TO {role}", "could switch off the policies of customers"),
        ("ALTER ROLE {role} REPLICATION", "has BYPASSRLS or REPLICATION"),
        ("CREATE VIEW emails AS SELECT email FROM customers", "the view emails works with"),
        (
            "CREATE VIEW emails AS SELECT email FROM customers; REVOKE ALL ON emails FROM {role};"
            "GRANT SELECT (email) ON emails TO {role}",
            "the view emails works with the rights of its owner",
        ),
        (
            "CREATE VIEW emails AS SELECT email FROM customers; REVOKE ALL ON emails FROM {role};"
            "GRANT DELETE ON emails TO {role}",
            "the view emails works with the rights of its owner",
        ),
        (
            "CREATE VIEW inner_one WITH (security_invoker = true) AS SELECT * FROM customers;"
            "CREATE VIEW outer_one AS SELECT * FROM inner_one",
            "the view outer_one works with the rights of its owner",
        ),
        ("CREATE MATERIALIZED VIEW kept AS SELECT * FROM customers", "the view kept works"),
        (
            "CREATE TABLE part (LIKE orders); ALTER TABLE part INHERIT orders",
            "part has no forced row-level security: apply the revisions, and write",
        ),
    ],
)
async def test_a_program_does_not_start_if_policies_do_not_bind_its_role(
    shop_url: URL, owner: AsyncConnection, mistake: str, said: str
) -> None:
    role = str(shop_url.username)
    await owner.exec_driver_sql(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}")
    superuser = await owner.scalar(text("SELECT current_user"))
    try:
        for each in mistake.format(role=role).replace(" postgres ", f' "{superuser}" ').split(";"):
            await owner.exec_driver_sql(each)
        with pytest.raises(UnsafeRole, match=said.replace('"postgres"', f'"{superuser}"')):
            async with shop_on(shop_url):
                pytest.fail("the program started")
    finally:
        await owner.exec_driver_sql(f"ALTER ROLE {role} NOBYPASSRLS NOREPLICATION NOSUPERUSER")
        await owner.exec_driver_sql(f'REVOKE "{superuser}" FROM {role}')
        await owner.exec_driver_sql(f"REASSIGN OWNED BY {role} TO CURRENT_USER")


async def test_the_superuser_is_refused_in_one_sentence(owner: AsyncConnection) -> None:
    with pytest.raises(UnsafeRole) as refused:
        async with shop_on(owner.engine.url):
            pytest.fail("the program started")

    assert "let DATABASE_URL name another role" in str(refused.value).splitlines()[0]


async def test_views_of_the_reader_are_accepted_and_show_only_its_rows(
    shop: Shop, shop_url: URL, owner: AsyncConnection
) -> None:
    await probe(shop)
    await owner.exec_driver_sql(
        "CREATE VIEW emails WITH (security_invoker) AS SELECT email FROM customers"
    )
    await owner.exec_driver_sql(f"GRANT SELECT ON emails TO {shop_url.username}")

    async with shop_on(shop_url) as again, again.unit_of_work(info=A) as uow:
        assert await uow.session.scalar(text("SELECT count(*) FROM emails")) == 1
