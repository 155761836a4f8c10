"""The database for work on all tenants: admin work, and reports about all of them.

::

    async with system_database(UnitOfWork) as system:
        async with system.unit_of_work(info=Actor("billing")) as uow:
            await uow.users.count()  # the users of all tenants

It has the role of the system, and its own pool: SYSTEM_DATABASE_URL, SYSTEM_DATABASE_POOL_SIZE, …
Give this URL only to programs that need it, and never to the service that answers requests.

The log has a line for each transaction, with the place in the code. With `audit`, pass its `actor_hook`.
Then each changed row has an entry with the actor and with the role.

It takes no `info=Tenant(…)`. A new row needs its `tenant_id`, and `get` needs the tenant and the `id`.
If policies bind the role, the server refuses a statement about a tenant's table. So a report never
leaves rows out silently.
"""

import logging
from collections.abc import Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from ..engine.call_site import find_call_site
from ..settings import DatabaseSettings
from ..unit_of_work.database import Database, U
from ..unit_of_work.settings_at_begin import BeginHook
from .tenant import Tenant, TenantError

_log = logging.getLogger(__name__)


def system_database(
    unit_of_work: Callable[[AsyncSession], U], *begin_hooks: BeginHook
) -> Database[U]:
    """Return the database for work on all tenants.

    Args:
        unit_of_work: the class of the units of work.
        begin_hooks: more begin hooks, such as `actor_hook` of `audit`.

    Raises:
        SettingsError: SYSTEM_DATABASE_URL is not set.
    """
    settings = DatabaseSettings(_env_prefix="SYSTEM_DATABASE_")
    return Database(settings, unit_of_work, begin_hooks=(_work_for_all, *begin_hooks))


def _work_for_all(session: Session) -> Mapping[str, str]:
    if Tenant in session.info:
        raise TenantError("this works for all tenants: give keys with the tenant, and no info")
    _log.info("a transaction for all tenants begins in %s", find_call_site())
    return {"row_security": "off"}
