"""The roles of a database whose tables tenants share: ``python -m tools.roles up`` or ``COMMAND``.

=============  =========================================  =============================================
Role           URL                                        may
=============  =========================================  =============================================
owner          ``MIGRATION_DATABASE_URL``                 change tables; policies do not bind it
program        ``DATABASE_URL``                           change rows; policies bind it; it owns nothing
system         ``SYSTEM_DATABASE_URL``, if it is set      change rows of all tenants, for admin work
=============  =========================================  =============================================

``up``, ``down`` and ``status`` are those of ``tools.develop``, as the owner. ``up`` also creates the
other roles. Any other argument is a command, which ``tools.throwaway`` runs. On a temporary server it
gets its own role. On a server that ``DATABASE_URL`` names, it has the role of that URL.

In production, create the roles once, as a superuser: `docs/tenancy.md` of the template has the SQL.
"""

import asyncio
import os
import secrets
import sys

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from . import develop
from .embedded import ServerError, quote
from .sources import connect, parse_url
from .throwaway import TEMPORARY

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


async def _make(owner: URL, roles: dict[str, str]) -> None:
    """Create roles, and let them work. The keys are their URLs, and the values their attributes."""
    for url, options in roles.items():
        role = parse_url(url, "the URL of a role")
        await create(owner, role, options)
        await grant(owner, str(role.username))


def up(action: str) -> None:
    """Run an action of ``tools.develop`` as the owner, and create the other roles.

    Raises:
        ServerError: MIGRATION_DATABASE_URL is not set.
    """
    develop.database_url()  # writes .env
    url = develop.configured("MIGRATION_DATABASE_URL") or ""
    owner = parse_url(url, "MIGRATION_DATABASE_URL")
    roles = {str(develop.configured("DATABASE_URL")): "NOBYPASSRLS"}
    if system := develop.configured("SYSTEM_DATABASE_URL"):
        roles[system] = "BYPASSRLS"
    os.environ["DATABASE_URL"] = url
    develop.main(OWNER)
    if action == "up":
        asyncio.run(_make(owner, roles))


def run(command: list[str]) -> None:
    """Replace this program by a command. On a temporary server, the command gets its own role."""
    if os.environ.pop(TEMPORARY, None):  # a command below has its role already
        url = os.environ["DATABASE_URL"]
        owner = parse_url(url, "DATABASE_URL")
        program = owner.set(username="program", password=secrets.token_urlsafe())
        shown = program.render_as_string(hide_password=False)
        asyncio.run(_make(owner, {shown: "NOBYPASSRLS"}))
        os.environ |= {"DATABASE_URL": shown, "MIGRATION_DATABASE_URL": url}
    os.execvp(command[0], command)  # noqa: S606  # the caller names the command


if __name__ == "__main__":
    try:
        up(sys.argv[1]) if sys.argv[1] in ("up", "down", "status") else run(sys.argv[1:])
    except ServerError as error:
        sys.exit(str(error))
