"""The changes of a role are logged, and the role can neither forge nor hide entries."""

import secrets
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shop import db
from shop.db import Database
from shop.db.errors import InsufficientPrivilege

Library = Database[db.UnitOfWork]


@pytest.fixture
async def clerk(library: Library) -> AsyncIterator[AsyncSession]:
    """A session of a role with all rights on the audited table, and no right on the log.

    Everything happens in one transaction that is rolled back, because roles belong to the server.
    """
    role = f"clerk_{secrets.token_hex(4)}"
    async with library.sessions() as session:
        await session.execute(text(f"CREATE ROLE {role}"))
        await session.execute(text(f"GRANT ALL ON authors TO {role}"))
        await session.execute(
            text(f"GRANT CREATE ON DATABASE {library.settings.url.database} TO {role}")
        )
        await session.execute(text(f"SET LOCAL ROLE {role}"))
        yield session
        await session.rollback()


async def test_a_role_without_rights_on_the_log_has_its_changes_logged(clerk: AsyncSession) -> None:
    login = await clerk.scalar(text("SELECT session_user"))

    await clerk.execute(text("INSERT INTO authors (name) VALUES ('a')"))

    assert await logged(clerk) == [("insert", login)]


@pytest.mark.parametrize(
    "forgery",
    [
        "INSERT INTO audit_log (actor) VALUES ('ada')",
        "UPDATE audit_log SET actor = 'ada'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "SELECT FROM audit_log",
        "SELECT setval('audit_log_id_seq', 1)",  # then each audited write would fail
        "ALTER TABLE authors DISABLE TRIGGER audit",
        "DROP TRIGGER audit ON authors",
        "SET LOCAL session_replication_role = replica",
        "CREATE TRIGGER forged AFTER INSERT ON forgeries FOR EACH ROW "
        "EXECUTE FUNCTION write_audit_log('{}', '{}')",
    ],
)
async def test_a_role_cannot_write_the_log_or_disable_it(clerk: AsyncSession, forgery: str) -> None:
    await clerk.execute(text("CREATE TEMP TABLE forgeries ()"))

    with pytest.raises(InsufficientPrivilege):
        async with clerk.begin_nested():
            await clerk.execute(text(forgery))


async def test_names_in_the_schema_of_an_attacker_do_not_deceive_the_function(
    clerk: AsyncSession,
) -> None:
    for statement in [
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'forged' $$",
        "CREATE TEMP TABLE audit_log (LIKE authors)",
        "SET LOCAL search_path = evil, pg_temp, public, pg_catalog",
        "INSERT INTO authors (name) VALUES ('a')",
    ]:
        await clerk.execute(text(statement))

    assert [operation for operation, _ in await logged(clerk)] == ["insert"]


async def logged(session: AsyncSession) -> list[tuple[str, str]]:
    """Return the log as its owner sees it."""
    await session.execute(text("RESET ROLE"))
    rows = await session.execute(text("SELECT operation, db_user FROM public.audit_log"))
    return [(operation, user) for operation, user in rows]
