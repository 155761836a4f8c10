"""Tenants compared with a model: a dictionary of rows for each tenant, and nothing that they share.

Hypothesis opens units of work of three tenants and of nobody. It chooses the order of what they do and of what
fails, and shortens a sequence that shows a fault. After each rule, each open unit of work sees exactly the rows
of its tenant in the model, and the database has exactly the rows that were committed.

One tenant has one open unit of work at most. So no step waits for a lock: a tenant never waits for another one.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
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
    ConnectionFailure,
    DatabaseError,
    InsufficientPrivilege,
    PoolTimeout,
    UniqueViolation,
)
from shop.db.tenancy import Tenant, TenantError, tenant_scope
from tests.proofs.support.sampling import FULL
from tests.proofs.tenancy.operations import (
    EMAILS,
    FAULTS,
    QUIET,
    Actor,
    Operation,
    ask_again,
    assert_nobody_met,
    assert_reveals_nothing,
)
from tests.proofs.tenancy.tables import TENANTS, Shop, UnitOfWork, rows, shop_on

EXAMPLES, RULES = (400, 40) if FULL else (10, 15)
THREE = TENANTS[:3]
SEEN = text("SELECT email, note FROM customers")
COUNTS = text("SELECT count(*) FROM customers UNION ALL SELECT count(*) FROM orders")
COMMITTED = "SELECT tenant_id, json_object_agg(email, note) FROM customers GROUP BY 1"
ORDERS = "SELECT tenant_id, count(*) FROM orders GROUP BY 1"
FATAL = (ConnectionFailure, TimeoutError, asyncio.CancelledError)
"""After these errors a savepoint does not help."""

SAVEPOINT, END, CANCEL = "savepoint", "end", "cancel the task"
FAILING = [each for each in FAULTS if each is not ask_again]

T = TypeVar("T")
Command = Callable[[UnitOfWork], Awaitable[object]] | str


@dataclass
class Rows:
    """The model of what a tenant has: the note of each customer by its e-mail, and the number of orders."""

    customers: dict[str, str] = field(default_factory=dict)
    orders: int = 0

    def copy(self) -> "Rows":
        return Rows(dict(self.customers), self.orders)

    def apply(self, operation: Operation, email: str, note: str) -> None:
        """Do what an operation must do.

        Raises:
            KeyError: the operation must be refused, because the e-mail is taken.
        """
        match operation.__name__:
            case "add" | "insert_rows" | "insert_text":
                if email in self.customers:
                    raise KeyError(email)
                self.customers[email] = note
            case "upsert":
                self.customers[email] = note
            case "update_all" | "update_text":
                self.customers = dict.fromkeys(self.customers, note)
            case "delete_some":
                self.customers = {each: by for each, by in self.customers.items() if each <= email}
            case "order":
                self.orders += 1


class Known(Actor):
    """An actor that writes what the model knows."""

    def __init__(self, uow: UnitOfWork, tenant: Tenant | None, email: str, note: str) -> None:
        self.uow, self.tenant = uow, tenant
        self._email, self._note = email, note

    @property
    def other(self) -> Tenant:
        return TENANTS[0 if self.tenant is None else TENANTS.index(self.tenant) - 1]

    @property
    def email(self) -> str:
        return self._email

    @property
    def note(self) -> str:
        return self._note


class Unit:
    """A unit of work in a task of its own, which does what the machine commands."""

    def __init__(self, shop: Shop, tenant: Tenant | None, has: Rows, *, by_scope: bool) -> None:
        self.shop, self.tenant, self.by_scope = shop, tenant, by_scope
        self.levels = [has.copy()]
        """The model of the rows that it sees. Each savepoint has its own."""
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._results: asyncio.Queue[BaseException | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    async def do(self, command: Command) -> BaseException | None:
        """Return the error that ended the unit of work or its innermost savepoint."""
        if command == CANCEL:
            self._task.cancel()
        else:
            self._commands.put_nowait(command)
        return await self._results.get()

    async def stop(self) -> None:
        """End it, whatever its state is."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            if self.tenant and self.by_scope:
                with tenant_scope(self.tenant):
                    await self._open(())
            else:
                await self._open(self.tenant or ())
        except BaseException as error:  # the machine judges it
            self._results.put_nowait(error)
        else:
            self._results.put_nowait(None)

    async def _open(self, info: object) -> None:
        async with self.shop.unit_of_work(info=info) as uow:
            await self._serve(uow)

    async def _serve(self, uow: UnitOfWork) -> None:
        while (command := await self._commands.get()) != END:
            if not isinstance(command, str):
                await command(uow)
                self._results.put_nowait(None)
                continue
            try:
                async with uow.savepoint():
                    self._results.put_nowait(None)
                    await self._serve(uow)
            except Exception as error:
                if isinstance(error, FATAL):
                    raise
                self._results.put_nowait(error)
            else:
                self._results.put_nowait(None)


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
    limits = settings(
        max_examples=EXAMPLES,
        stateful_step_count=RULES,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=[*HealthCheck],
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
