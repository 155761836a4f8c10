"""The tenant of a session. A program gives it, and a begin hook tells it to PostgreSQL.

There are two ways. Where the unit of work is opened, the tenant can be an argument::

    async with database.unit_of_work(info=Tenant(organisation_id)) as uow:
        …

A web request or a job can name it once, for all units of work below::

    with tenant_scope(Tenant(job.tenant_id)):
        await run(job)

The scope ends with its block, so the next job of the same worker has no tenant. A task that starts
inside of the block keeps the tenant until the task ends. Do not `yield` inside of the block: the caller
of the generator would have the tenant too. A generator gives its tenant by `info=`.

A session has one tenant, or none, from its first transaction to its end. A session without a tenant
sees no row of a tenant, and writes none. If a statement of SQLAlchemy names a tenant's table, there is
an error before it is sent. About SQL as text only the server knows: it answers with no rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql import visitors

from ..errors import UnitOfWorkError
from ..unit_of_work.session import GuardedSession
from ..unit_of_work.settings_at_begin import HOOKS
from .model import TENANT_COLUMN, has_tenant

SETTING = "app.tenant_id"
_FIXED = "the tenant of the transactions"
_TWO = "two tenants are named at the same time: end the scope of the first one"
_CHANGED = "the tenant of a session cannot change: open another unit of work for another tenant"


class TenantError(UnitOfWorkError):
    """The program used tenants against their rules."""


class NoTenant(TenantError):
    summary = "this session has no tenant: give info=Tenant(id), or tenant_scope(Tenant(id))"


@dataclass(frozen=True, slots=True)
class Tenant:
    """The tenant for whom a program works.

    Args:
        id: the value of `tenant_id` in the tenant's rows.

    Raises:
        TenantError: the id is None or empty.
    """

    id: Any

    def __post_init__(self) -> None:
        if self.id is None or str(self.id) == "":
            raise TenantError("the id of a tenant is empty: give the value of its rows")


_scope: ContextVar[Tenant | None] = ContextVar("tenant", default=None)
current: ContextVar[Tenant | None] = ContextVar("tenant of the unit of work", default=None)
"""What the log and the traces show. It decides nothing: `tenant_of` does."""


@contextmanager
def tenant_scope(tenant: Tenant) -> Iterator[None]:
    """Give a tenant to all sessions that begin in the block.

    Raises:
        TenantError: the block is inside of another tenant's scope.
    """
    if _scope.get() not in (None, tenant):
        raise TenantError(_TWO)
    token = _scope.set(tenant)
    try:
        yield
    finally:
        _scope.reset(token)


def tenant_attributes() -> dict[str, str]:
    """Return the tenant for whom the running code works, for its spans and its log."""
    tenant = current.get() or _scope.get()
    return {SETTING: str(tenant.id)} if tenant else {}


def tenant_of(session: Session) -> Tenant | None:
    """Return the tenant of a session, or None.

    Raises:
        TenantError: its info and the scope name different tenants.
    """
    given: Tenant | None = session.info.get(Tenant)
    scope = _scope.get()
    if given and scope and given != scope:
        raise TenantError(_TWO)
    return given or scope


def tenant_hook(session: Session) -> Mapping[str, str]:
    """Return the setting that tells PostgreSQL the tenant. Without a tenant it is empty.

    `Database` of this package has this begin hook.

    Raises:
        TenantError: an earlier transaction of the session had another tenant, or none.
    """
    tenant = tenant_of(session)
    if session.info.setdefault(_FIXED, tenant) != tenant:
        raise TenantError(_CHANGED)
    return {SETTING: str(tenant.id) if tenant else ""}


def _check(session: Session, tables: Callable[[], Iterable[Any]]) -> Tenant | None:
    """Return the tenant for whom a session sends the next statement.

    Raises:
        TenantError: it has changed, or it is missing and the statement needs a tenant's table.
    """
    if tenant_hook not in session.info.get(HOOKS, ()):  # the system, which works for all tenants
        return None
    now = tenant_of(session)
    fixed: Tenant | None = session.info.get(_FIXED, now)
    if now not in (None, fixed):
        raise TenantError(_CHANGED)
    if fixed is None and any(map(has_tenant, tables())):
        raise NoTenant
    return fixed


@event.listens_for(GuardedSession, "do_orm_execute")
def _before_statement(state: ORMExecuteState) -> None:
    _check(state.session, lambda: _tables(state.statement))


def _tables(statement: Any) -> Iterator[Any]:
    for each in visitors.iterate(statement):
        yield getattr(each, "table", each)  # a column and an INSERT have their table


@event.listens_for(GuardedSession, "before_flush")
def _before_flush(session: Session, *_: object) -> None:
    changed = [inspect(each) for each in (*session.new, *session.dirty, *session.deleted)]
    tenant = _check(session, lambda: (state.mapper.local_table for state in changed))
    for state in changed:
        # The server has the same default. But rows whose keys are known are inserted in one statement.
        if tenant and state.pending and has_tenant(table := state.mapper.local_table):
            name = state.mapper.get_property_by_column(table.c[TENANT_COLUMN]).key
            if state.dict.get(name) is None:
                setattr(state.obj(), name, tenant.id)
