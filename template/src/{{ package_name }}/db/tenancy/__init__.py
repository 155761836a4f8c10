"""Tenants share tables, and cannot see each other's rows: row-level security of PostgreSQL.

Use it if one database has the rows of many customers, and no customer may see another one. Do not use
it to hide rows from some users of one customer: that is a question of your program.

Mark each model: it is a tenant's, or all tenants share it. There is no third kind::

    class Post(Tenanted, PrimaryKey, Timestamps, Base):
        __tablename__ = "posts"
        __table_args__ = (
            UniqueConstraint("tenant_id", "slug"),
            tenant_foreign_key("author_id", "users.id", ondelete="RESTRICT"),
            Index(None, "tenant_id", "author_id"),
        )

    class Country(Base):
        __table_args__ = open_to_all_tenants("the countries of the world")

`just revision` writes the policies into the revision, in plain SQL. Then give each unit of work its
tenant, as `tenant.py` describes::

    async with database.unit_of_work(info=Tenant(user.tenant_id)) as uow:
        await uow.posts.add(Post(slug="hello"))  # its tenant_id is that of the session

The primary key is the tenant and the `id`. A repository of this package adds the tenant of the session:
`await uow.posts.get(id)`. Each unique key and each foreign key has the tenant too. Otherwise an error
would tell that another tenant has a value, and a row could refer to another tenant's row.

=================================  ===========================================================
To                                 read
=================================  ===========================================================
give a tenant                      `tenant.py`
write a model                      `model.py`
know what the server does          `policies.py`
know which role is refused         `roles.py`
work for all tenants               `system.py`
=================================  ===========================================================

Cost: one statement at the beginning of each transaction. COPY is refused by the server, so many rows
are inserted by INSERT, which takes three times as long.

Limits:

* SQL that an attacker can write can set the tenant itself. Bind values, as SQLAlchemy does.
* Superusers, roles with BYPASSRLS and the owner of a view see all rows. The program refuses such roles,
  but a function with SECURITY DEFINER can still show rows of its owner.
* A session setting, a temporary table or a LISTEN stays on its connection, and the next tenant gets it.
* TRUNCATE has no policies, so do not grant it. The statistics of the planner are about all rows.
* A backfill sees only what the role that migrates sees: give the owner of the tables BYPASSRLS.
* In joined inheritance, each table of a subclass needs its own `tenant_id`.
"""

from . import policies  # noqa: F401  # The import lets `create_all` create policies.
from .database import Database
from .model import Tenanted, TenantedLog, TenantKey, open_to_all_tenants, tenant_foreign_key
from .repository import ReadRepository, Repository
from .roles import UnsafeRole
from .system import system_database
from .tenant import NoTenant, Tenant, TenantError, tenant_attributes, tenant_scope

__all__ = [
    "Database",
    "NoTenant",
    "ReadRepository",
    "Repository",
    "Tenant",
    "TenantError",
    "TenantKey",
    "Tenanted",
    "TenantedLog",
    "UnsafeRole",
    "open_to_all_tenants",
    "system_database",
    "tenant_attributes",
    "tenant_foreign_key",
    "tenant_scope",
]
