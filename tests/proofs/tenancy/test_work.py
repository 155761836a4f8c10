"""What a repository does works under row-level security: bulk, upsert, pages, streams, the audit, retries."""

import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import selectinload

from shop import db
from shop.db import tenancy
from shop.db.errors import (
    DeadlockDetected,
    ForeignKeyViolation,
    InsufficientPrivilege,
    NotFound,
    UniqueViolation,
)
from shop.db.tenancy import NoTenant
from tests.proofs.tenancy.tables import A, AuditEntry, B, Customer, Order, Shop, UnitOfWork, rows

MANY = 2_000


async def add(shop: Shop, *names: str) -> list[uuid.UUID]:
    """Add customers of A, and return their ids."""
    async with shop.unit_of_work(info=A) as uow:
        added = await uow.customers.add_many([Customer(email=name) for name in names])
        return [each.id for each in added]


async def test_many_rows_are_inserted_and_upserted(shop: Shop, owner: AsyncConnection) -> None:
    new = [{"email": str(number)} for number in range(MANY)]
    target = [Customer.tenant_id, Customer.email]
    for tenant in (A, B):
        async with shop.unit_of_work(info=tenant) as uow:
            await uow.customers.insert_rows(new[: MANY // 2])
            await uow.customers.upsert_rows(
                [{**each, "note": "upserted"} for each in new], conflict_target=target
            )
            await uow.customers.upsert_rows([{**new[0], "note": "few"}], conflict_target=target)

    found = await rows(owner, "SELECT tenant_id, count(*) FROM customers GROUP BY 1 ORDER BY 1")
    assert found == [(A.id, MANY), (B.id, MANY)]


async def test_an_upsert_does_not_touch_the_row_of_another_tenant(shop: Shop) -> None:
    [key] = await add(shop, "a@example.com")

    async with shop.unit_of_work(info=B) as uow:
        with pytest.raises(InsufficientPrivilege):
            async with uow.savepoint():
                await uow.customers.upsert_rows(
                    [{"tenant_id": A.id, "id": key, "email": "stolen"}],
                    conflict_target=[Customer.tenant_id, Customer.id],
                )
        # The same id in another tenant is another row.
        await uow.customers.add(Customer(id=key, email="b@example.com"))

    async with shop.unit_of_work(info=A) as uow:
        assert (await uow.customers.get_one((A.id, key))).email == "a@example.com"


async def test_a_row_of_another_tenant_is_not_found_by_its_key(shop: Shop) -> None:
    [key] = await add(shop, "a@example.com")

    async with shop.unit_of_work(info=B) as uow:
        for tenant in (A, B):
            with pytest.raises(NotFound):
                await uow.customers.get_one((tenant.id, key), with_for_update=True)
        assert await uow.customers.update_where(Customer.id == key, note="x") == 0
        assert await uow.customers.delete_by_keys([(A.id, key)]) == 0


class CustomersById(tenancy.Repository[Customer, uuid.UUID]):
    model = Customer


async def test_a_row_is_found_by_its_id_alone_with_the_tenant_of_the_session(shop: Shop) -> None:
    [key, other] = await add(shop, "a@example.com", "b@example.com")

    async with shop.unit_of_work(info=B) as uow:
        customers = CustomersById(uow.session)
        assert await customers.get(key) is None
        assert await customers.get(key, with_for_update=True) is None
        assert await customers.delete_by_keys([key, other]) == 0
    async with shop.unit_of_work(info=A) as uow:
        customers, by_pairs = CustomersById(uow.session), uow.customers
        found = await customers.get_one(key)
        assert await customers.get_one(key, with_for_update=True) is found
        assert await by_pairs.get_one((A.id, key)) is found
        assert await customers.get((A.id, key)) is found  # type: ignore[arg-type]  # both forms work
        assert await customers.update_where(Customer.id == key, note="new") == 1
        assert await customers.delete_by_keys([other]) == 1
    async with shop.unit_of_work() as uow:
        with pytest.raises(NoTenant):
            await CustomersById(uow.session).get(key)


async def test_pages_have_only_the_rows_of_the_tenant_and_a_cursor_carries_none(shop: Shop) -> None:
    await add(shop, "a", "c")
    async with shop.unit_of_work(info=B) as uow:
        await uow.customers.add_many([Customer(email=name) for name in "bd"])

    async def page(tenant: Any, cursor: str | None) -> Any:
        async with shop.unit_of_work(info=tenant) as uow:
            order = [Customer.email]
            return await uow.customers.paginate(order_by=order, limit=1, cursor=cursor)

    first = await page(A, None)
    foreign = await page(B, first.next)  # somebody else's cursor is only a place in the order

    assert [each.email for each in first.items] == ["a"]
    assert [each.email for each in (await page(A, first.next)).items] == ["c"]
    assert [each.email for each in foreign.items] == ["b"]


async def test_entities_are_loaded_with_what_they_refer_to(shop: Shop) -> None:
    [key] = await add(shop, "a@example.com")
    async with shop.unit_of_work(info=A) as uow:
        await uow.orders.add(Order(customer_id=key, amount=1))

    async with shop.unit_of_work(info=A) as uow:
        [order] = await uow.orders.all(options=[selectinload(Order.customer)])
        assert order.customer is not None
        assert order.customer.email == "a@example.com"


async def test_a_row_cannot_refer_to_a_row_of_another_tenant(shop: Shop) -> None:
    [key] = await add(shop, "a@example.com")

    with pytest.raises(ForeignKeyViolation) as refused:
        async with shop.unit_of_work(info=B) as uow:
            await uow.orders.add(Order(customer_id=key, amount=1))
    assert str(key) not in str(refused.value)


async def test_a_deleted_row_leaves_the_tenant_of_those_that_referred_to_it(shop: Shop) -> None:
    [key] = await add(shop, "a@example.com")
    async with shop.unit_of_work(info=A) as uow:
        await uow.orders.add(Order(customer_id=key, amount=1))
        await uow.customers.delete_by_keys([(A.id, key)])

    async with shop.unit_of_work(info=A) as uow:
        [order] = await uow.orders.all()
        assert (order.tenant_id, order.customer_id) == (A.id, None)


async def test_an_error_tells_nothing_about_other_tenants(shop: Shop) -> None:
    await add(shop, "a@example.com")
    async with shop.unit_of_work(info=B) as uow:
        await uow.customers.add(Customer(email="a@example.com"))

    with pytest.raises(UniqueViolation) as refused:
        async with shop.unit_of_work(info=B) as uow:
            await uow.customers.add(Customer(email="a@example.com"))
    assert refused.value.constraint == "uq_customers_tenant_id_email"
    assert str(A.id) not in repr(refused.value.__cause__)


async def test_the_log_of_changes_belongs_to_the_tenant(shop: Shop) -> None:
    [key] = await add(shop, "a@example.com")

    async def logged(tenant: Any) -> list[Any]:
        async with shop.unit_of_work(info=tenant) as uow:
            about = AuditEntry.about(Customer, (A.id, key))
            return list(await uow.session.scalars(select(AuditEntry).where(about)))

    assert [each.operation for each in await logged(A)] == ["insert"]
    assert await logged(B) == []


async def test_an_attempt_that_runs_again_has_the_same_tenant(shop: Shop) -> None:
    counts: list[int] = []

    async def work(uow: UnitOfWork) -> None:
        await uow.customers.add(Customer(email="a@example.com"))
        counts.append(await uow.customers.count())
        if len(counts) < 3:
            raise DeadlockDetected

    await shop.transact(work, info=A)

    assert counts == [1, 1, 1]


OF_TWENTY = (
    "FROM generate_series(1, 10000) AS n, CAST(lpad(to_hex(n % 20), 32, '0') AS uuid) AS tenant"
)
MANY_ROWS = [
    f"INSERT INTO customers (tenant_id, id, email) SELECT tenant, gen_random_uuid(), md5(n::text) {OF_TWENTY}",
    f"INSERT INTO orders (tenant_id, id, amount) SELECT tenant, gen_random_uuid(), n {OF_TWENTY}",
    "ANALYZE customers, orders",
]

Read = Callable[[UnitOfWork], Awaitable[object]]


async def get(uow: UnitOfWork) -> None:
    await uow.customers.get((A.id, uuid.UUID(int=7)))


async def get_by_id(uow: UnitOfWork) -> None:
    await uow.customers.one_or_none(Customer.id == uuid.UUID(int=7))


async def first_page(uow: UnitOfWork) -> None:
    await uow.customers.paginate(order_by=[Customer.email], limit=20)


async def second_page(uow: UnitOfWork) -> None:
    page = await uow.customers.paginate(order_by=[Customer.email], limit=20)
    assert page.next
    await uow.customers.paginate(order_by=[Customer.email], limit=20, cursor=page.next)


async def search_prefix(uow: UnitOfWork) -> None:
    await uow.customers.all(Customer.email.startswith("7f", autoescape=True))


async def search_words(uow: UnitOfWork) -> None:
    await uow.customers.all(db.search("7f 3", Customer.email))


async def those_that_refer(uow: UnitOfWork) -> None:
    await uow.orders.all(Order.customer_id == uuid.UUID(int=7))


READS = [get, get_by_id, first_page, second_page, search_prefix, search_words, those_that_refer]


async def test_reads_use_the_index_of_the_tenant(shop: Shop, owner: AsyncConnection) -> None:
    """Each of twenty tenants has 500 rows, so an index without the tenant would read too many."""
    for statement in MANY_ROWS:
        await owner.exec_driver_sql(statement)
    wrong: dict[str, str] = {}
    for read in READS:
        async with shop.unit_of_work(info=A) as uow:
            shown = await explain(uow, read)
        conditions = [node.get("Index Cond", "") for node in nodes(shown)]
        if not any("tenant_id = " in each for each in conditions):
            wrong[read.__name__] = json.dumps(shown, indent=1)

    assert not wrong, "\n".join(wrong.values())


async def explain(uow: UnitOfWork, read: Read) -> dict[str, Any]:
    """Return the plan of the last statement of a function, as the role of the program."""
    sent: list[tuple[str, Any]] = []

    def record(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        sent.append((statement, parameters))

    connection = await uow.session.connection()
    event.listen(connection.sync_connection, "before_cursor_execute", record)
    await read(uow)
    event.remove(connection.sync_connection, "before_cursor_execute", record)
    statement, parameters = sent[-1]
    explained = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    [plan] = explained.scalar_one()
    found: dict[str, Any] = plan["Plan"]
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan."""
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


async def test_what_it_costs(
    shop: Shop, owner: AsyncConnection, record_property: Callable[[str, object], None]
) -> None:
    """The same work with policies and without, side by side: the figures are printed, not judged."""
    await owner.exec_driver_sql("CREATE TABLE plain (LIKE orders INCLUDING ALL)")
    await owner.exec_driver_sql("GRANT ALL ON plain TO PUBLIC")
    [key] = await add(shop, "a@example.com")
    get = "SELECT * FROM {} WHERE tenant_id = :tenant AND id = :id"
    insert = (
        "INSERT INTO {} (tenant_id, id, amount) SELECT CAST(:tenant AS uuid), gen_random_uuid(), number "
        "FROM generate_series(1, 2000) AS number WHERE CAST(:id AS uuid) IS NOT NULL"
    )
    for name, work, times in (("get", get, 200), ("insert of 2000 rows", insert, 3)):
        took: dict[str, float] = {}
        for table in ("orders", "plain") * 3:
            async with shop.unit_of_work(info=A) as uow:
                start = perf_counter()
                query = text(work.format(table))
                for _ in range(times):
                    await uow.session.execute(query, {"tenant": A.id, "id": key})
                took[table] = min(took.get(table, 1e9), perf_counter() - start)
        record_property(
            f"tenants: {name}, times of the same without",
            round(took["orders"] / took["plain"], 2),
        )
