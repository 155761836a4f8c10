"""A migration changes the rows of all tenants, or it fails. It never leaves rows out silently."""

import secrets
from collections.abc import AsyncIterator

import pytest
from alembic import command
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from tests.proofs.support.own_migrations import upgrade
from tests.proofs.tenancy.revisions import Project
from tests.proofs.tenancy.tables import TENANTS
from tests.proofs.tenancy.test_revisions import models
from tools.sources import connect

BACKFILL = '    op.backfill("users", "email", "\'filled\'")\n'
UPDATE = "    op.execute(\"UPDATE users SET email = 'filled'\")\n"


@pytest.fixture
async def migrator(project: Project, postgres_url: URL) -> AsyncIterator[str]:
    """The role that migrates and owns the table. Each tenant has a row whose e-mail is missing."""
    role = f"owner_{secrets.token_hex(4)}"
    await project.revise(models())
    async with connect(project.url) as server:
        for statement in (
            f"CREATE ROLE {role} LOGIN PASSWORD '{role}'",
            f"GRANT ALL ON SCHEMA public TO {role}",
            "ALTER TABLE users ALTER email DROP NOT NULL",
            f"ALTER TABLE users OWNER TO {role}",
            f"ALTER TABLE alembic_version OWNER TO {role}",
        ):
            await server.exec_driver_sql(statement)
        row = text("INSERT INTO users (tenant_id, id) VALUES (:id, gen_random_uuid())")
        await server.execute(row, [{"id": each.id} for each in TENANTS])
    project.url = project.url.set(username=role, password=role)
    yield role
    async with connect(postgres_url.set(database=project.url.database)) as server:
        await server.exec_driver_sql(f"DROP OWNED BY {role} CASCADE")
        await server.exec_driver_sql(f"DROP ROLE {role}")


async def write(project: Project, change: str) -> None:
    """Write a revision by hand."""
    await project.run(models(), lambda config: command.revision(config, "by hand", rev_id="hand"))
    [script] = project.versions.glob("hand*.py")
    body = script.read_text()
    start = body.index("def upgrade")
    script.write_text(body[:start] + body[start:].replace("    pass\n", change, 1))


async def filled(postgres_url: URL, project: Project) -> int:
    """Count the rows that the migration has changed."""
    async with connect(postgres_url.set(database=project.url.database)) as server:
        found = await server.scalar(text("SELECT count(*) FROM users WHERE email = 'filled'"))
        return int(found or 0)


@pytest.mark.parametrize("change", [BACKFILL, UPDATE])
async def test_an_owner_that_policies_bind_changes_nothing_and_is_told(
    project: Project, migrator: str, postgres_url: URL, change: str
) -> None:
    await write(project, change)

    with pytest.raises(DBAPIError, match="affected by row-level security policy for table"):
        await project.run(models(), upgrade)

    assert await filled(postgres_url, project) == 0


@pytest.mark.parametrize("change", [BACKFILL, UPDATE])
async def test_an_owner_with_bypassrls_changes_the_rows_of_all_tenants(
    project: Project, migrator: str, postgres_url: URL, change: str
) -> None:
    await write(project, change)
    async with connect(postgres_url) as server:
        await server.exec_driver_sql(f"ALTER ROLE {migrator} BYPASSRLS")

    await project.run(models(), upgrade)

    assert await filled(postgres_url, project) == len(TENANTS)


async def test_a_script_for_psql_fails_too_and_leaves_no_row_out(
    project: Project, migrator: str, postgres_url: URL
) -> None:
    await write(project, BACKFILL)

    await project.run(models(), lambda config: command.upgrade(config, "head", sql=True))

    assert "SET row_security = off" in project.output.getvalue()
