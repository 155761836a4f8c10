"""Alembic's environment in each of its modes, by the commands that people use."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.proofs.support.revisions import Project


def alembic(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=root,
        env={key: value for key, value in os.environ.items() if "DATABASE" not in key}
        | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def root(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath


@pytest.fixture
def url(fresh_database_url: URL) -> str:
    return fresh_database_url.set(drivername="postgres").render_as_string(hide_password=False)


async def test_the_command_migrates_the_database_that_the_url_names(root: Path, url: str) -> None:
    down = alembic(root, "downgrade", "base", DATABASE_URL=url)
    assert down.returncode == 0, down.stderr
    assert not await has_users(url)

    up = alembic(root, "upgrade", "head", DATABASE_URL=url)
    assert up.returncode == 0, up.stderr
    told = r"to 0001 \(expand\), users, posts and comments\n  done in \d+\.\d\d s\n"
    assert re.fullmatch(f"upgrade {told}", up.stdout)
    assert re.fullmatch(f"downgrade {told.replace('to', 'from', 1)}", down.stdout)
    assert await has_users(url)


def test_migrations_have_their_own_url(root: Path, url: str) -> None:
    application = "postgresql://nobody:secret@127.0.0.1:1/nowhere"

    current = alembic(root, "current", DATABASE_URL=application, MIGRATION_DATABASE_URL=url)

    assert current.returncode == 0, current.stderr
    assert "0001 (head)" in current.stdout


def test_without_a_url_the_command_says_so_in_one_sentence(root: Path) -> None:
    upgrade = alembic(root, "upgrade", "head")

    assert upgrade.returncode != 0
    assert (upgrade.stdout + upgrade.stderr).count("DATABASE_URL is not set") == 1
    assert "Traceback" not in upgrade.stderr


def test_without_a_server_the_command_says_so_in_one_sentence(root: Path) -> None:
    upgrade = alembic(
        root, "upgrade", "head", DATABASE_URL="postgresql://me:secret@127.0.0.1:1/nowhere"
    )

    assert upgrade.returncode != 0
    assert "cannot be reached" in upgrade.stdout + upgrade.stderr
    assert "secret" not in upgrade.stdout + upgrade.stderr
    assert "Traceback" not in upgrade.stderr


def test_an_error_in_a_migration_is_reported_with_the_servers_message(root: Path, url: str) -> None:
    url = url.replace("postgres://", "postgresql://")
    alembic(root, "stamp", "base", DATABASE_URL=url)

    upgrade = alembic(root, "upgrade", "head", DATABASE_URL=url)

    assert upgrade.returncode != 0
    assert 'relation "users" already exists' in upgrade.stdout + upgrade.stderr
    assert "Traceback" not in upgrade.stderr


def test_a_revision_without_operations_is_not_written(root: Path, url: str) -> None:
    before = sorted((root / "migrations/versions").iterdir())

    revision = alembic(root, "revision", "--autogenerate", "-m", "nothing", DATABASE_URL=url)

    assert revision.returncode != 0
    assert "Import new models in models/__init__.py" in revision.stdout + revision.stderr
    assert sorted((root / "migrations/versions").iterdir()) == before


def test_the_script_of_offline_mode_needs_no_server(root: Path) -> None:
    upgrade = alembic(root, "upgrade", "head", "--sql")

    assert upgrade.returncode == 0, upgrade.stderr
    assert "CREATE TABLE users" in upgrade.stdout


async def has_users(url: str) -> bool:
    engine = create_async_engine(url.replace("postgres://", "postgresql+asyncpg://"))
    try:
        async with engine.connect() as connection:
            return bool(await connection.scalar(text("SELECT to_regclass('users') IS NOT NULL")))
    finally:
        await engine.dispose()


async def test_a_caller_without_an_event_loop_can_give_an_engine(
    root: Path, url: str, fresh_database_url: URL
) -> None:
    config = Config(toml_file=root / "pyproject.toml")
    engine = create_async_engine(fresh_database_url, poolclass=NullPool)
    config.attributes["connection"] = engine

    await asyncio.to_thread(command.downgrade, config, "base")
    assert not await has_users(url)
    await asyncio.to_thread(command.upgrade, config, "head")
    assert await has_users(url)


async def test_an_operation_that_commits_does_not_commit_the_callers_transaction(
    project: Project, fresh_database_url: URL
) -> None:
    project.write("0002", 'op.create_index_concurrently("ix_users_bio", "users", ["bio"])')
    config = Config(toml_file=project.root / "pyproject.toml")
    engine = create_async_engine(fresh_database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        with pytest.raises(CommandError, match="give Alembic a connection without one"):
            await connection.run_sync(upgrade, config)
        assert connection.in_transaction()
    async with engine.connect() as connection:
        await connection.run_sync(upgrade, config)


async def test_a_failed_operation_does_not_change_the_timeouts_of_the_callers_connection(
    project: Project, fresh_database_url: URL
) -> None:
    project.write("0002", 'op.create_index_concurrently("ix", "users", ["bio", "missing"])')
    config = Config(toml_file=project.root / "pyproject.toml")
    timeouts = {"lock_timeout": "6s", "statement_timeout": "7s"}
    engine = create_async_engine(
        fresh_database_url, poolclass=NullPool, connect_args={"server_settings": timeouts}
    )

    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="missing"):
            await connection.run_sync(upgrade, config)

        for name, value in timeouts.items():
            assert await connection.scalar(text(f"SHOW {name}")) == value


def upgrade(connection: Connection, config: Config) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
