"""Settings that are applied when a transaction begins: one statement for all of them.

A begin hook returns settings by name. They hold until the transaction ends. All hooks together cost
one round trip, and no round trip if they return nothing.

A hook finds the `info` of the unit of work in `session.info`::

    @dataclass(frozen=True)
    class Tenant:
        id: uuid.UUID

    def tenant_hook(session: Session) -> Mapping[str, str]:
        tenant = session.info.get(Tenant)
        return {"app.tenant_id": str(tenant.id) if tenant else ""}

    database = Database(settings, UnitOfWork, begin_hooks=(tenant_hook,))

    async with database.unit_of_work(info=Tenant(request.tenant_id)) as uow:
        ...

Limits: only the sessions of a `Database` run the hooks. Connections that the program takes from the
engine do not run them. A hook without a value must return the setting with an empty string. If it
left the setting out, an earlier value would still hold inside a savepoint.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from ..dialect import dialect

BeginHook = Callable[[Session], Mapping[str, str]]
"""A function that takes the session whose transaction begins, and returns settings of PostgreSQL."""

HOOKS = "begin_hooks"
"""The key of `session.info` with the hooks of a `Database`."""


def info_by_type(info: object) -> dict[object, object]:
    """Return what `session.info` holds for one unit of work: each value under its type.

    Args:
        info: an instance of one of your classes, or a tuple of instances.
    """
    return {type(each): each for each in (info if isinstance(info, tuple) else (info,))}


def apply_settings(session: Session, connection: Connection) -> None:
    """Run the hooks of a session, and apply what they return to its new transaction."""
    if settings := {k: v for h in session.info.get(HOOKS, ()) for k, v in dict(h(session)).items()}:
        connection.execute(dialect.set_local(settings))
