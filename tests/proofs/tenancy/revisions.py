"""A project with its own migrations, on an empty database."""

import io
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, MetaData, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

ENVIRONMENT = """
from alembic import context
from shop.db.migrations import run_migrations

run_migrations(context.config.attributes["metadata"])
"""
CATALOGUE = """
SELECT concat_ws(' ', relname, relrowsecurity, relforcerowsecurity) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname !~ '^alembic'
UNION ALL SELECT concat_ws(' ', tablename, policyname, permissive, roles, cmd, qual, with_check) FROM pg_policies
UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, attnotnull) FROM pg_attribute
WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p'))
AND attnum > 0 AND NOT attisdropped AND attrelid::regclass::text !~ '^alembic'
"""


class Project:
    """Its models are given to each command."""

    def __init__(self, directory: Path, url: URL, template: str) -> None:
        self.url = url
        self.versions = directory / "versions"
        self.versions.mkdir()
        (directory / "env.py").write_text(ENVIRONMENT)
        (directory / "script.py.mako").write_text(template)
        self.output = io.StringIO()
        self.config = Config(stdout=io.StringIO(), output_buffer=self.output)
        self.config.set_main_option("script_location", str(directory))
        self.config.cmd_opts = Namespace(x=[])

    def allow(self, *names: str) -> None:
        """Allow what `just revision MESSAGE NAME` would allow."""
        self.config.cmd_opts = Namespace(x=[f"allow={name}" for name in names])

    async def run(self, metadata: MetaData, *commands: Callable[[Config], object]) -> None:
        def run_on(connection: Connection) -> None:
            self.config.attributes.update(connection=connection, metadata=metadata)
            for each in commands:
                each(self.config)

        await self.connected(run_on)

    async def connected(self, work: Callable[[Connection], Any]) -> Any:
        engine = create_async_engine(self.url, poolclass=NullPool)
        async with engine.connect() as connection:
            result = await connection.run_sync(work)
            await connection.commit()
        await engine.dispose()
        return result

    async def revise(self, metadata: MetaData) -> str:
        """Write revisions, apply them, take them back, and apply them again. Return their text."""
        before, old = await self.catalogue(), {*self.versions.glob("*.py")}
        await self.run(metadata, write, upgrade, command.check)
        after = await self.catalogue()
        new = sorted({*self.versions.glob("*.py")} - old)
        await self.run(metadata, lambda config: command.downgrade(config, f"-{len(new)}"))
        assert await self.catalogue() == before
        await self.run(metadata, upgrade, command.check)
        assert await self.catalogue() == after
        return "\n".join(each.read_text() for each in new)

    async def execute(self, script: str) -> None:
        """Run SQL on the database."""
        await execute(self.url, script)

    async def catalogue(self) -> list[str]:
        """Return the tables and columns with what row-level security does."""
        connection = await asyncpg.connect(plain(self.url))
        lines = [row[0] for row in await connection.fetch(CATALOGUE)]
        await connection.close()
        return sorted(lines)


async def execute(url: URL, script: str) -> None:
    """Run a script, as psql would."""
    connection = await asyncpg.connect(plain(url))
    await connection.execute(script)
    await connection.close()


def plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def write(config: Config) -> None:
    command.revision(config, "x", autogenerate=True)


def upgrade(config: Config) -> None:
    command.upgrade(config, "head")


def empty(connection: Connection) -> None:
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture
async def project(tmp_path: Path, fresh_database_url: URL, pytestconfig: pytest.Config) -> Project:
    """A project without models, and without revisions."""
    template = (pytestconfig.rootpath / "migrations/script.py.mako").read_text()
    project = Project(tmp_path, fresh_database_url, template)
    await project.connected(empty)
    return project
