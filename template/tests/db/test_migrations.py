"""The migrations, yours included, build what the models describe, and can be taken back."""

from collections.abc import Callable

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine


@pytest.fixture
def alembic(pytestconfig: pytest.Config) -> Config:
    return Config(toml_file=pytestconfig.rootpath / "pyproject.toml")


def test_the_revisions_have_one_head(alembic: Config) -> None:
    heads = ScriptDirectory.from_config(alembic).get_heads()

    assert len(heads) <= 1, f"two branches: join them with `alembic merge {' '.join(heads)}`"


async def test_the_models_are_what_the_migrations_build(
    alembic: Config, fresh_database_url: URL
) -> None:
    await run(alembic, fresh_database_url, command.check)


async def test_every_revision_can_be_taken_back_and_applied_again(
    alembic: Config, fresh_database_url: URL
) -> None:
    revisions = [each.revision for each in ScriptDirectory.from_config(alembic).walk_revisions()]

    def down_up_and_down(config: Config) -> None:
        for revision in revisions:  # from the newest to the oldest
            command.downgrade(config, "-1")
            command.upgrade(config, revision)
            command.downgrade(config, "-1")
        command.upgrade(config, "head")
        command.check(config)

    await run(alembic, fresh_database_url, down_up_and_down)


def test_the_revisions_can_be_written_as_sql(
    alembic: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    command.upgrade(alembic, "head", sql=True)

    assert "COMMIT;" in capsys.readouterr().out


async def run(alembic: Config, url: URL, commands: Callable[[Config], None]) -> None:
    """Run Alembic's commands on a connection to this database."""

    def run_on(connection: Connection) -> None:
        alembic.attributes["connection"] = connection
        commands(alembic)

    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run_on)
    finally:
        await engine.dispose()
