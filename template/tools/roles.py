"""The roles of a database whose tables tenants share.

=============  =========================================  =============================================
Role           URL                                        may
=============  =========================================  =============================================
owner          ``MIGRATION_DATABASE_URL``                 change tables; policies do not bind it
application    ``DATABASE_URL``                           change rows; policies bind it; it owns nothing
system         ``SYSTEM_DATABASE_URL``, if it is set      change rows of all tenants, for admin work
=============  =========================================  =============================================

``tools.develop``, ``tools.throwaway`` and the tests create these roles. In production, run the same
statements once, as a superuser: `docs/tenancy.md` of the template lists them.
"""

import asyncio
import secrets

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from .embedded import quote
from .sources import connect, parse_url

OWNER = "CREATEDB CREATEROLE BYPASSRLS"
"""What the owner may, besides its own tables. A backfill must see the rows of all tenants."""


async def create(server: URL, role: URL, options: str = "NOBYPASSRLS") -> None:
    """Create a role that can log in, if it is missing.

    Args:
        server: a URL of a user that may create roles.
        role: the URL with the name and the password of the role.
        options: more attributes of the role.
    """
    name, password = quote(str(role.username), '"'), quote(str(role.password), "'")
    find = text("SELECT 1 FROM pg_roles WHERE rolname = :name")
    async with connect(server) as connection:
        # Only one of several processes creates it. The lock ends with the connection.
        lock = text("SELECT pg_advisory_lock(hashtext(:name))")
        await connection.execute(lock, {"name": role.username})
        if not await connection.scalar(find, {"name": role.username}):
            await connection.exec_driver_sql(
                f"CREATE ROLE {name} LOGIN {options} PASSWORD {password}"
            )


async def grant(database: URL, name: str) -> None:
    """Let a role work with the tables of a database that exist, and with new ones of the same owner.

    Args:
        database: the URL of the owner of the tables.
        name: the name of the role.
    """
    role, place = quote(name, '"'), quote(str(database.database), '"')
    rows = "SELECT, INSERT, UPDATE, DELETE"
    async with connect(database) as connection:
        await _execute(
            connection,
            f"GRANT CONNECT, TEMPORARY ON DATABASE {place} TO {role}",  # a large upsert needs TEMPORARY
            f"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {role}",
            f"ALTER DEFAULT PRIVILEGES GRANT {rows} ON TABLES TO {role}",
            f"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {role}",
        )
        own = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'"
        for schema in (await connection.scalars(text(own))).all():
            await _execute(
                connection,
                f"GRANT USAGE ON SCHEMA {quote(schema, chr(34))} TO {role}",
                f"GRANT {rows} ON ALL TABLES IN SCHEMA {quote(schema, chr(34))} TO {role}",
                f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {quote(schema, chr(34))} TO {role}",
            )
        if await connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
            await _execute(
                connection, f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}"
            )


async def _execute(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.exec_driver_sql(statement)


def divide(owner: str) -> dict[str, str]:
    """Return the URLs of a temporary database for a program: of the application, and of the owner.

    Args:
        owner: the URL of the superuser of the database.
    """
    url = parse_url(owner, "the temporary server")
    role = url.set(username="application", password=secrets.token_urlsafe())
    asyncio.run(create(url, role))
    asyncio.run(grant(url, "application"))
    return {
        "DATABASE_URL": role.render_as_string(hide_password=False),
        "MIGRATION_DATABASE_URL": owner,
    }
