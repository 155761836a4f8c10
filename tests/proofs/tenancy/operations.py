"""What tenants do in a unit of work, and what they must never see: shared by the storm and the state machine.

Each row says in `note` who wrote it. So a row that is read or changed by another tenant is found.
"""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db import paginate
from shop.db.errors import DeadlockDetected, ForeignKeyViolation, InsufficientPrivilege
from shop.db.tenancy import Tenant
from tests.proofs.tenancy.tables import TENANTS, Customer, Order, UnitOfWork, rows

EMAILS = [f"{name}@example.com" for name in "abcdefgh"]  # each tenant has the same ones

Operation = Callable[["Actor"], Awaitable[object]]


class Actor:
    """One unit of work of one tenant, or of nobody."""

    known: ClassVar[dict[object, uuid.UUID]] = {}
    """The `id` of the newest customer of each tenant. It may be gone."""

    def __init__(self, uow: UnitOfWork, tenant: Tenant | None, dice: random.Random) -> None:
        self.uow, self.tenant, self.dice = uow, tenant, dice

    @property
    def other(self) -> Tenant:
        """Another tenant."""
        return self.dice.choice([each for each in TENANTS if each != self.tenant])

    @property
    def email(self) -> str:
        return self.dice.choice(EMAILS)

    def check(self, *found: tuple[object, str]) -> None:
        """Fail if a row does not belong to this tenant, or if another one wrote it."""
        for owner, writer in found:
            assert self.tenant is not None
            assert owner == self.tenant.id
            assert writer.startswith(str(self.tenant.id))

    @property
    def note(self) -> str:
        return str(self.tenant.id) if self.tenant else "nobody"

    def row(self) -> dict[str, object]:
        return {"email": self.email, "note": self.note}


async def read(actor: Actor) -> None:
    query = select(Customer).order_by(func.random())
    actor.check(*((c.tenant_id, c.note) for c in await actor.uow.session.scalars(query)))


async def read_text(actor: Actor) -> None:
    found = await actor.uow.session.execute(text("SELECT tenant_id, note FROM customers"))
    actor.check(*((owner, writer) for owner, writer in found))


async def stream(actor: Actor) -> None:
    async with actor.uow.customers.stream(yield_per=2) as found:
        async for some in found:
            actor.check(*((each.tenant_id, each.note) for each in some))


async def page(actor: Actor) -> None:
    found = await paginate(actor.uow.session, select(Customer), order_by=[Customer.email], limit=3)
    actor.check(*((each.tenant_id, each.note) for each in found.items))


async def count(actor: Actor) -> None:
    counted = await actor.uow.session.scalar(text("SELECT count(*) FROM customers"))
    assert counted is not None
    assert counted <= (len(EMAILS) if actor.tenant else 0)


async def add(actor: Actor) -> None:
    customer = await actor.uow.customers.add(Customer(**actor.row()))
    actor.known[customer.tenant_id] = customer.id


async def insert_rows(actor: Actor) -> None:
    await actor.uow.customers.insert_rows([actor.row()])


async def insert_text(actor: Actor) -> None:
    query = "INSERT INTO customers (id, email, note) VALUES (gen_random_uuid(), :email, :note)"
    await actor.uow.session.execute(text(query), actor.row())


async def upsert(actor: Actor) -> None:
    await actor.uow.customers.upsert_rows(
        [actor.row()], conflict_target=[Customer.tenant_id, Customer.email]
    )


async def update_all(actor: Actor) -> None:
    await actor.uow.session.execute(update(Customer).values(note=actor.note))


async def update_text(actor: Actor) -> None:
    query = text("UPDATE customers SET note = :note")
    await actor.uow.session.execute(query, {"note": actor.note})


async def delete_some(actor: Actor) -> None:
    await actor.uow.session.execute(delete(Customer).where(Customer.email > actor.email))


async def delete_foreign(actor: Actor) -> None:
    query = "DELETE FROM customers WHERE tenant_id = :other RETURNING note"
    assert not (await actor.uow.session.execute(text(query), {"other": actor.other.id})).all()


async def order(actor: Actor) -> None:
    customer = await actor.uow.session.scalar(select(Customer.id).limit(1))
    await actor.uow.orders.add(Order(customer_id=customer, amount=1))


async def write_for_another(actor: Actor) -> None:
    with pytest.raises(InsufficientPrivilege) as refused:
        async with actor.uow.savepoint():
            row = {**actor.row(), "tenant_id": actor.other.id}
            await actor.uow.customers.insert_rows([row])
    assert str(actor.other.id) not in str(refused.value)


async def give_away(actor: Actor) -> None:
    query = text("UPDATE customers SET tenant_id = :other")
    try:
        async with actor.uow.savepoint():
            done: Any = await actor.uow.session.execute(query, {"other": actor.other.id})
    except InsufficientPrivilege:
        return
    assert done.rowcount == 0  # the tenant had no row


async def refer_to_another(actor: Actor) -> None:
    customer = actor.known.get(actor.other.id, uuid.uuid4())
    with pytest.raises(ForeignKeyViolation):
        async with actor.uow.savepoint():
            await actor.uow.orders.add(Order(customer_id=customer, amount=1))


async def in_a_savepoint(actor: Actor) -> None:
    with pytest.raises(ZeroDivisionError):
        async with actor.uow.savepoint():
            await update_text(actor)
            raise ZeroDivisionError
    await read(actor)


async def divide_by_zero(actor: Actor) -> None:
    await actor.uow.session.execute(text("SELECT 1 / 0"))


async def fail(_: Actor) -> None:
    raise ZeroDivisionError


async def ask_again(_: Actor) -> None:
    raise DeadlockDetected


async def terminate(actor: Actor) -> None:
    await actor.uow.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def cancel(actor: Actor) -> None:
    async with asyncio.timeout(0.001):
        await actor.uow.session.execute(text("SELECT pg_sleep(1)"))


QUIET: list[Operation] = [
    *(read, read_text, stream, page, count, add, insert_rows, insert_text, upsert, update_all),
    *(update_text, delete_some, delete_foreign, order, write_for_another, give_away),
    *(refer_to_another, in_a_savepoint),
]
FAULTS: list[Operation] = [divide_by_zero, fail, ask_again, terminate, cancel]
NOBODY: list[Operation] = [read, add, read_text, count, update_text, divide_by_zero, fail]


STRANGERS = {
    "rows that another tenant wrote": """
SELECT 1 FROM customers WHERE NOT starts_with(note, CAST(tenant_id AS text))
""",
    "rows that refer to another tenant": """
SELECT 1 FROM orders JOIN customers ON customers.id = customer_id WHERE orders.tenant_id <> customers.tenant_id
""",
    "entries of another tenant": """
SELECT 1 FROM audit_log WHERE new ->> 'tenant_id' <> CAST(tenant_id AS text)
""",
}


async def assert_nobody_met(owner: AsyncConnection) -> None:
    """Fail if the database has a trace of two tenants that met."""
    found = [name for name, query in STRANGERS.items() if await rows(owner, query)]
    assert not found


def assert_reveals_nothing(error: BaseException) -> None:
    """Fail if a message has a value of a row."""
    shown = str(error)
    assert not any(value in shown for value in [*EMAILS, *(str(each.id) for each in TENANTS)])
