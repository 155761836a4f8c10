"""A project with its own migrations, on an empty database. Its models are given to each command."""

import io
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, MetaData, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

ENVIRONMENT = """
from alembic import context
from shop.db.migrations import run_migrations

run_migrations(context.config.attributes["metadata"])
"""


class Project:
    """Revisions in a directory, and a database. A subclass says what the catalogue is.

    Args:
        directory: an empty directory for the revisions.
        url: the database.
        template: the text of `script.py.mako`.
    """

    CATALOGUE: ClassVar[str]
    """A query. Each row has one text about what the server has."""

    def __init__(self, directory: Path, url: URL, template: str) -> None:
        self.url = url
        self.versions = directory / "versions"
        self.versions.mkdir()
        (directory / "env.py").write_text(ENVIRONMENT)
        (directory / "script.py.mako").write_text(template)
        self.output = io.StringIO()
        self.config = Config(stdout=io.StringIO(), output_buffer=self.output)
        self.config.set_main_option("script_location", str(directory))
        self.allow()

    @classmethod
    async def create(cls, directory: Path, url: URL, root: Path) -> Self:
        """Return a project without revisions. `root` is the project with `script.py.mako`."""
        project = cls(directory, url, (root / "migrations/script.py.mako").read_text())
        await project.connected(empty)
        return project

    def allow(self, *names: str) -> None:
        """Allow what `just revision MESSAGE NAME` would allow."""
        self.give(*(f"allow={name}" for name in names))

    def give(self, *arguments: str) -> None:
        """Give arguments that are `-x` on the command line."""
        self.config.cmd_opts = Namespace(x=list(arguments))

    async def run(self, metadata: MetaData, *commands: Callable[[Config], object]) -> None:
        """Run commands of Alembic as a project with these models would."""

        def run_on(connection: Connection) -> None:
            self.config.attributes.update(connection=connection, metadata=metadata)
            for each in commands:
                each(self.config)

        await self.connected(run_on)

    def write(self, name: str, upgrade: str = "pass", downgrade: str = "pass", **more: Any) -> None:
        """Write a revision by hand."""
        (self.versions / f"{name}.py").write_text(by_hand(name, upgrade, downgrade, **more))

    async def script(self, step: Callable[..., None], revisions: str) -> str:
        """Return the script that a command writes for these revisions: `0001:head`."""
        self.output.truncate(0)
        self.output.seek(0)
        await self.run(MetaData(), partial(step, revision=revisions, sql=True))
        return self.output.getvalue()

    async def connected(self, work: Callable[[Connection], Any]) -> Any:
        """Run a function on a connection, and commit."""
        engine = create_async_engine(self.url, poolclass=NullPool)
        async with engine.connect() as connection:
            result = await connection.run_sync(work)
            await connection.commit()
        await engine.dispose()
        return result

    async def revise(self, metadata: MetaData) -> str:
        """Write revisions, apply them, take them back, and apply them again. Return their text.

        Then the models and the database must agree.
        """
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
        """Run a script on the database, as psql would."""
        connection = await asyncpg.connect(plain(self.url))
        await connection.execute(script)
        await connection.close()

    async def catalogue(self) -> list[str]:
        """Return the lines of the catalogue."""
        connection = await asyncpg.connect(plain(self.url))
        rows = await connection.fetch(self.CATALOGUE)
        await connection.close()
        return sorted(" ".join(row[0].split()) for row in rows)


def by_hand(
    name: str,
    upgrade: str = "pass",
    downgrade: str = "pass",
    *,
    phase: str = "expand",
    after: str | tuple[str, ...] | None = "0001",
    needs: str | None = None,
    more: str = "",
) -> str:
    """Return the text of a revision that somebody wrote by hand."""
    return (
        f'"""{name}\n\nRevision: {name}, after {after}\n"""\n\n'
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f'revision = "{name}"\ndown_revision = {quoted(after)}\n'
        f'branch_labels = None\ndepends_on = {quoted(needs)}\nphase = "{phase}"\n{more}\n\n'
        f"def upgrade() -> None:\n    {upgrade}\n\n\n"
        f"def downgrade() -> None:\n    {downgrade}\n"
    )


def quoted(value: str | tuple[str, ...] | None) -> str:
    """Return a value in Python, with the quotes that Alembic writes."""
    return repr(value).replace("'", '"')


def plain(url: URL) -> str:
    """Return a URL for asyncpg and psql."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def write(config: Config) -> None:
    command.revision(config, "x", autogenerate=True)


def upgrade(config: Config) -> None:
    command.upgrade(config, "head")


def downgrade(config: Config) -> None:
    command.downgrade(config, "-1")


def empty(connection: Connection) -> None:
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))


def read_heads(connection: Connection) -> list[str]:
    """Return the revisions that are in the table of Alembic, in the order of their names."""
    query = text("SELECT version_num FROM alembic_version ORDER BY version_num")
    return list(connection.scalars(query))
