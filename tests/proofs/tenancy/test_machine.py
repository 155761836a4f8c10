"""Tenants compared with a model: a dictionary of rows for each tenant, and nothing that they share.

Hypothesis opens units of work of three tenants and of nobody. It chooses the order of their work and of the
faults, and shortens a sequence that fails. After each rule, each open unit of work sees exactly the rows
of its tenant in the model, and the database has exactly the rows that were committed.

One tenant has one open unit of work at most. So no step waits for a lock: a tenant never waits for another one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.errors import (
    DatabaseError,
    InsufficientPrivilege,
    PoolTimeout,
    UniqueViolation,
)
from shop.db.tenancy import Tenant, TenantError
from tests.proofs.support.sampling import FULL
from tests.proofs.tenancy.operations import (
    EMAILS,
    FAULTS,
    QUIET,
    Operation,
    ask_again,
    assert_nobody_met,
    assert_reveals_nothing,
)
from tests.proofs.tenancy.tables import TENANTS, Shop, UnitOfWork, rows, shop_on
from tests.proofs.tenancy.units import CANCEL, END, FATAL, SAVEPOINT, Known, Rows, Unit

EXAMPLES, RULES = (400, 40) if FULL else (10, 15)
THREE = TENANTS[:3]
SEEN = text("SELECT email, note FROM customers")
COUNTS = text("SELECT count(*) FROM customers UNION ALL SELECT count(*) FROM orders")
COMMITTED = "SELECT tenant_id, json_object_agg(email, note) FROM customers GROUP BY 1"
ORDERS = "SELECT tenant_id, count(*) FROM orders GROUP BY 1"
FAILING = [each for each in FAULTS if each is not ask_again]

T = TypeVar("T")

emails = st.sampled_from(EMAILS)
operations = st.lists(st.tuples(st.sampled_from(QUIET), emails), max_size=4)
steps = st.lists(
    st.tuples(
        st.sampled_from([*QUIET, *QUIET, SAVEPOINT, SAVEPOINT, END, END, END, *FAILING, CANCEL]),
        emails,
    ),
    min_size=1,
    max_size=8,
)


class Machine(RuleBasedStateMachine):
    """Hypothesis calls the rules in a thread. The loop of the test runs what they begin."""

    def __init__(
        self,
        shop: Shop,
        owner: AsyncConnection,
        loop: asyncio.AbstractEventLoop,
        tried: Counter[str],
    ) -> None:
        super().__init__()
        self.shop, self.owner, self.loop, self.tried = shop, owner, loop, tried
        self.committed = {each: Rows() for each in THREE}
        self.open: list[Unit] = []
        self.written = 0

    @property
    def is_full(self) -> bool:
        return len(self.open) == self.shop.settings.pool_size

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=60)

    def values(self, email: str, tenant: Tenant | None) -> tuple[str, str]:
        self.written += 1
        return email, f"{tenant.id if tenant else 'nobody'} {self.written}"

    @initialize()
    def empty(self) -> None:
        async def empty() -> None:
            await self.owner.exec_driver_sql("TRUNCATE customers, orders, audit_log")

        self.wait(empty())

    @precondition(lambda self: not self.is_full)
    @rule(number=st.integers(0, 3), by_scope=st.booleans())
    def begin(self, number: int, by_scope: bool) -> None:
        busy = [each.tenant for each in self.open]
        free = [each for each in (*THREE, None) if each not in busy]
        tenant = free[number % len(free)]

        async def begin() -> Unit:
            has = self.committed[tenant] if tenant else Rows()
            return Unit(self.shop, tenant, has, by_scope=by_scope)

        self.open.append(self.wait(begin()))

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 1), chosen=steps)
    def work(self, number: int, chosen: list[tuple[Operation | str, str]]) -> None:
        """Do some steps of a unit of work. It may end with one of them."""
        unit = self.open[number % len(self.open)]
        for step, email in chosen:
            if unit in self.open:
                self.do(unit, step, email)

    def do(self, unit: Unit, step: Operation | str, email: str) -> None:
        if isinstance(step, str):
            self.control(unit, step)
        elif step in FAILING:
            error = self.act(unit, step, *self.values(email, unit.tenant))
            self.fail(unit, error, DatabaseError, ZeroDivisionError, TimeoutError)
        elif unit.tenant is None:
            error = self.act(unit, step, *self.values(email, None))
            if error is not None:  # some operations find nothing, and the others are refused
                self.fail(unit, error, TenantError, InsufficientPrivilege)
        else:
            values = self.values(email, unit.tenant)
            try:
                unit.levels[-1].apply(step, *values)
            except KeyError:
                self.fail(unit, self.act(unit, step, *values), UniqueViolation)
            else:
                assert self.act(unit, step, *values) is None

    def control(self, unit: Unit, step: str) -> None:
        """Open a savepoint, end the innermost one or the unit of work, or cancel everything."""
        error = self.wait(unit.do(step))
        self.tried[step] += 1
        if step == CANCEL:
            self.fail(unit, error, asyncio.CancelledError)
            return
        assert error is None
        if step == SAVEPOINT:
            unit.levels.append(unit.levels[-1].copy())
            return
        has = unit.levels.pop()
        if unit.levels:
            unit.levels[-1] = has
        else:
            self.open.remove(unit)
            if unit.tenant:
                self.committed[unit.tenant] = has

    def act(self, unit: Unit, operation: Operation, email: str, note: str) -> BaseException | None:
        async def act(uow: UnitOfWork) -> None:
            await operation(Known(uow, unit.tenant, email, note))

        error = self.wait(unit.do(act))
        self.tried[operation.__name__ + (f", {type(error).__name__}" if error else "")] += 1
        return error

    def fail(self, unit: Unit, error: BaseException | None, *kinds: type[BaseException]) -> None:
        """Forget what the savepoint or the unit of work did. Its error must be of one of the kinds."""
        if not isinstance(error, kinds):
            raise AssertionError(f"{error!r} instead of {kinds}") from error
        assert_reveals_nothing(error)
        unit.levels.pop()
        if isinstance(error, FATAL):
            unit.levels.clear()
        if not unit.levels:
            self.open.remove(unit)

    @precondition(lambda self: not self.is_full)
    @rule(number=st.integers(0, 2), chosen=operations)
    def retry(self, number: int, chosen: list[tuple[Operation, str]]) -> None:
        """Do all of it twice, since the first attempt ends with a deadlock."""
        busy = [each.tenant for each in self.open]
        free = [each for each in THREE if each not in busy]
        tenant = free[number % len(free)]
        has = self.committed[tenant].copy()
        steps = [(operation, *self.values(email, tenant)) for operation, email in chosen]
        attempts = 0

        async def work(uow: UnitOfWork) -> None:
            nonlocal attempts
            attempts += 1
            for operation, *values in steps:
                await operation(Known(uow, tenant, *values))
            if attempts == 1:
                await ask_again(Known(uow, tenant, "", ""))

        try:
            for operation, *values in steps:
                has.apply(operation, *values)
        except KeyError:
            with pytest.raises(UniqueViolation):
                self.wait(self.shop.transact(work, attempts=2, info=tenant))
        else:
            self.wait(self.shop.transact(work, attempts=2, info=tenant))
            assert attempts == 2
            self.committed[tenant] = has
            self.tried["retry"] += 1

    @precondition(lambda self: self.is_full)
    @rule()
    def ask_for_too_many(self) -> None:
        async def ask() -> None:
            async with self.shop.unit_of_work(info=TENANTS[3]) as uow:
                await uow.customers.count()

        with pytest.raises(PoolTimeout):
            self.wait(ask())
        self.tried["one more than the pool has"] += 1

    @invariant()
    def each_sees_its_rows(self) -> None:
        for unit in self.open:
            has = unit.levels[-1]

            async def see(uow: UnitOfWork, has: Rows = has) -> None:
                found = (await uow.session.execute(SEEN)).all()
                assert {each.email: each.note for each in found} == has.customers
                counted = (await uow.session.scalars(COUNTS)).all()
                assert counted == [len(has.customers), has.orders]

            assert self.wait(unit.do(see)) is None

    @invariant()
    def what_was_committed_is_there(self) -> None:
        async def find() -> tuple[dict[Any, Any], dict[Any, Any]]:
            return dict(await rows(self.owner, COMMITTED)), dict(await rows(self.owner, ORDERS))

        has = {each.id: rows for each, rows in self.committed.items()}
        customers = {key: each.customers for key, each in has.items() if each.customers}
        orders = {key: each.orders for key, each in has.items() if each.orders}
        assert self.wait(find()) == (customers, orders)

    def teardown(self) -> None:
        for unit in self.open:
            self.wait(unit.stop())


@pytest.mark.parametrize("size", [1, 2])
async def test_tenants_do_what_the_model_does(
    shop_url: URL,
    owner: AsyncConnection,
    size: int,
    record_property: Callable[[str, object], None],
) -> None:
    tried: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    checks: Any = HealthCheck  # its metaclass has the iterator, which leaves out old ones
    limits = settings(
        max_examples=EXAMPLES,
        stateful_step_count=RULES,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=[*checks],
    )
    pool = {"pool_size": size, "max_overflow": 0, "pool_timeout": 0.02, "lock_timeout": 1}

    async with shop_on(shop_url, **pool) as shop:

        def machine() -> Machine:
            return Machine(shop, owner, loop, tried)

        run: Any = run_state_machine_as_test  # it also accepts a function that makes a machine
        await asyncio.to_thread(run, machine, settings=limits)

    await assert_nobody_met(owner)
    if FULL:  # a sample may leave a step out
        wanted = {each.__name__ for each in QUIET} | {SAVEPOINT, END, CANCEL, "retry"}
        assert wanted <= tried.keys()
    for name, times in sorted(tried.items()):
        record_property(f"tenants like the model, pool of {size}: {name}", times)
