"""A script for `psql --set ON_ERROR_STOP=1 --file` and the downgrades create the same schema as the upgrade.

The `--sql` of a command writes such a script.
"""

from collections.abc import AsyncIterator, Callable

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from tests.proofs.support.everything import change_everything, describe
from tests.proofs.support.psql import psql
from tests.proofs.support.revisions import Project
from tools.sources import connect


@pytest.fixture
async def empty_database_url(postgres_url: URL, fresh_database_url: URL) -> AsyncIterator[URL]:
    """An empty database."""
    name = f"{fresh_database_url.database}_empty"
    async with connect(postgres_url) as server:
        await server.exec_driver_sql(f'CREATE DATABASE "{name}"')
        yield postgres_url.set(database=name)
        await server.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_psql_makes_of_the_script_what_the_upgrade_makes(
    project: Project, fresh_database_url: URL, empty_database_url: URL
) -> None:
    change_everything(project)
    script = project.alembic("upgrade", "head", "--sql")
    project.alembic("upgrade", "head")

    psql(empty_database_url, script)

    assert await describe(empty_database_url) == await describe(fresh_database_url)


async def test_each_downgrade_is_exact(project: Project, fresh_database_url: URL) -> None:
    revisions = ["base", "0001", *change_everything(project)]
    engine = create_async_engine(fresh_database_url, poolclass=NullPool)

    async def migrate(to: Callable[[Config, str], None], revision: str) -> list[str]:
        def run(connection: Connection) -> None:
            config = Config(toml_file=project.root / "pyproject.toml")
            config.attributes["connection"] = connection
            to(config, revision)

        async with engine.connect() as connection:
            await connection.run_sync(run)
        return await describe(fresh_database_url)

    await migrate(command.downgrade, "base")
    schemas = [await migrate(command.upgrade, revision) for revision in revisions[1:]]
    schemas.insert(0, await migrate(command.downgrade, "base"))
    for number, revision in enumerate(revisions[1:], start=1):
        assert await migrate(command.upgrade, revision) == schemas[number]
        assert await migrate(command.downgrade, revisions[number - 1]) == schemas[number - 1]
        assert await migrate(command.upgrade, revision) == schemas[number]

    assert [line for line in schemas[0] if line.startswith("relation") and line.endswith(" r")] == [
        "relation alembic_version r"
    ]
