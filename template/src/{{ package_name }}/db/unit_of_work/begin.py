"""Settings that are applied when a transaction begins: one statement for all of them.

A begin hook returns settings by name. They hold until the transaction ends. However many hooks there
are, they cost one round trip, and none where they return nothing.

A hook reads from `session.info` what was given to the unit of work::

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
engine do not. A hook without a value must return the empty string, and not leave the setting out:
otherwise an earlier value would still hold inside a savepoint.
"""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from ..dialect import dialect

BeginHook = Callable[[Session], Mapping[str, str]]
"""Takes the session whose transaction begins, and returns PostgreSQL's settings by name."""

_HOOKS = "begin_hooks"


def session_info(hooks: Iterable[BeginHook]) -> dict[object, object]:
    """Return what `session.info` holds for each session of a `Database`."""
    return {_HOOKS: tuple(hooks)}


def info_by_type(info: object) -> dict[object, object]:
    """Return what `session.info` holds for one unit of work: each value under its type.

    Args:
        info: one value of a class of your own, or a tuple of such values.
    """
    values = info if isinstance(info, tuple) else (info,)
    return {type(value): value for value in values}


def apply_settings(session: Session, connection: Connection) -> None:
    """Run the hooks of a session, and apply what they return to its new transaction."""
    settings: dict[str, str] = {}
    for hook in session.info.get(_HOOKS, ()):
        settings.update(hook(session))
    if settings:
        connection.execute(dialect.set_local(settings))
