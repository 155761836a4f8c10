"""The units of work of the state machine: each one runs in its task, and a model says what it sees."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shop.db.errors import ConnectionFailure
from shop.db.tenancy import Tenant, tenant_scope
from tests.proofs.tenancy.operations import Actor, Operation
from tests.proofs.tenancy.tables import TENANTS, Shop, UnitOfWork

FATAL = (ConnectionFailure, TimeoutError, asyncio.CancelledError)
"""After these errors a savepoint does not help."""

SAVEPOINT, END, CANCEL = "savepoint", "end", "cancel the task"

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
    """A unit of work in its own task. The machine gives it commands."""

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
        """End it, in any state."""
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
