"""Migrations that are killed, or that meet another one or a lock, are run again and end well."""

import asyncio
import multiprocessing
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.proofs.everything import change_everything, describe, fill
from tests.proofs.revisions import Project
from tools.sources import connect

Record = Callable[[str, object], None]

# A process is made by a fork of one that has imported all this already.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "alembic.command", "shop.db.migrations", "shop.models"])


def upgrade(root: Path, url: str, deadly: int | None, done: Connection) -> None:
    """Upgrade to the newest revision, and die before the step with this number."""
    number = -1

    def step(name: str) -> None:
        nonlocal number
        number += 1
        if number == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        done.send(name)

    @event.listens_for(Engine, "before_cursor_execute")
    def before_statement(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.split()[0] not in {"SELECT", "SET", "RESET", "SHOW"}:
            step(statement)

    @event.listens_for(Engine, "commit")
    def before_commit(connection: Any) -> None:
        if connection.get_isolation_level() != "AUTOCOMMIT":
            step("COMMIT")

    os.chdir(root)
    os.environ["DATABASE_URL"] = url
    command.upgrade(Config(toml_file=root / "pyproject.toml", stdout=StringIO()), "head")


def run_upgrade(
    project: Project, url: URL, deadly: int | None = None
) -> tuple[int | None, list[str]]:
    """Return how such a process ended, and the steps that it took."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    text = url.set(drivername="postgresql").render_as_string(hide_password=False)
    process = PROCESSES.Process(target=upgrade, args=(project.root, text, deadly, sender))
    process.start()
    sender.close()
    steps = []
    while True:
        try:
            steps.append(receiver.recv())
        except EOFError:
            break
    process.join()
    return process.exitcode, steps


@asynccontextmanager
async def cloned(server: AsyncConnection, url: URL) -> AsyncIterator[URL]:
    """A copy of a database, for as long as the block lasts."""
    name = f"{url.database}_{secrets.token_hex(4)}"
    await server.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"')
    yield url.set(database=name)
    await server.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_killed_at_any_step_it_can_be_run_again(
    project: Project, fresh_database_url: URL, postgres_url: URL, record_property: Record
) -> None:
    change_everything(project)
    await fill(fresh_database_url)
    async with connect(postgres_url) as server:
        async with cloned(server, fresh_database_url) as url:
            exit_code, steps = run_upgrade(project, url)
            assert exit_code == 0
            expected = await describe(url)

        for number, step in enumerate(steps):
            async with cloned(server, fresh_database_url) as url:
                killed, before = run_upgrade(project, url, number)
                again, _ = run_upgrade(project, url)

                assert (killed, before) == (-signal.SIGKILL, steps[:number])
                assert again == 0, f"killed before {step}"
                assert await describe(url) == expected, f"killed before {step}"

    record_property("migrations killed at a step, and run again", len(steps))
