"""Migrations that are killed, or that meet a lock or another migration, run again and succeed."""

import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.postgresql import advisory_lock
from shop.db.migrations.postgresql.advisory_lock import KEY
from tests.proofs.support.everything import change_everything, describe, fill
from tests.proofs.support.faults import wait_until
from tests.proofs.support.forked import PROCESSES
from tests.proofs.support.revisions import Project, read_until, transaction
from tests.proofs.support.sampling import sampled
from tools.sources import connect

# The session that builds an index and waits for the end of another transaction.
BUILDING = """
    FROM pg_stat_activity WHERE datname = current_database()
    AND query LIKE 'CREATE%INDEX CONCURRENTLY%' AND wait_event = 'virtualxid'
"""

Record = Callable[[str, object], None]


def upgrade(root: Path, url: str, deadly: int | None, done: Connection) -> None:
    """Upgrade to the newest revision, and end the process before the step with this number."""
    number = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def before(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal number
        if statement.split()[0] in {"SELECT", "SET", "RESET", "SHOW"}:
            return
        if number == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        number += 1
        done.send(statement)

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
    """A copy of a database, until the block ends."""
    name = f"{url.database}_{secrets.token_hex(4)}"
    await server.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"')
    yield url.set(database=name)
    await server.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_a_migration_that_was_killed_at_any_step_can_be_run_again(
    project: Project, fresh_database_url: URL, postgres_url: URL, record_property: Record
) -> None:
    change_everything(project)
    await fill(fresh_database_url)
    async with connect(postgres_url) as server:
        async with cloned(server, fresh_database_url) as url:
            exit_code, steps = run_upgrade(project, url)
            assert exit_code == 0
            expected = await describe(url)

        chosen = sampled([*enumerate(steps)])
        for number, step in chosen:
            async with cloned(server, fresh_database_url) as url:
                killed, before = run_upgrade(project, url, number)
                again, _ = run_upgrade(project, url)

                assert (killed, before) == (-signal.SIGKILL, steps[:number])
                assert again == 0, f"killed before {step}"
                assert await describe(url) == expected, f"killed before {step}"

    record_property("migrations killed at a step, and run again", len(chosen))


@pytest.mark.parametrize("server_notices", [True, False])
async def test_a_migration_that_was_killed_while_it_built_an_index_can_be_run_again(
    server_notices: bool, project: Project, server: AsyncConnection, fresh_database_url: URL
) -> None:
    change_everything(project)
    async with transaction(project, "SELECT 1"):
        with project.start("upgrade", "head") as first:
            await wait_until(server, f"SELECT count(*) {BUILDING}", 1)
            first.kill()
        if server_notices:
            await server.execute(text(f"SELECT pg_terminate_backend(pid, 10000) {BUILDING}"))
            assert any("valid:  f" in line for line in await describe(fresh_database_url))
            again = project.start("upgrade", "head")
        else:  # the server continues to build the index
            again = project.start("upgrade", "head")
            read_until(again, "trying again")
    with again:
        said, _ = again.communicate(timeout=60)

    assert again.returncode == 0, said
    assert not any("valid:  f" in line for line in await describe(fresh_database_url))
    project.alembic("check")


async def test_the_second_of_two_upgrades_waits_for_the_first(
    project: Project, server: AsyncConnection
) -> None:
    revisions = change_everything(project)
    async with transaction(project, "SELECT 1"):
        first = project.start("upgrade", "head")
        await wait_until(server, f"SELECT count(*) {BUILDING}", 1)
        second = project.start("upgrade", "head")
        said = read_until(second, "another migration is running: waiting for its end")
    with first, second:
        said += first.communicate(timeout=60)[0] + second.communicate(timeout=60)[0]

    assert (first.returncode, second.returncode) == (0, 0), said
    assert {name: said.count(f"upgrade to {name} ") for name in revisions} == dict.fromkeys(
        revisions, 1
    )
    project.alembic("check")


async def test_another_try_applies_only_the_revisions_that_the_command_names(
    project: Project,
) -> None:
    project.write("0002", 'op.add_column("users", sa.Column("nick", sa.Text()))')
    project.write("0003", 'op.add_column("posts", sa.Column("nick", sa.Text()))', after="0002")
    project.write("0004", 'op.add_column("comments", sa.Column("nick", sa.Text()))', after="0003")
    async with transaction(project, "LOCK TABLE posts IN ACCESS SHARE MODE"):
        command = project.start("upgrade", "+2")
        read_until(command, "trying again")
    with command:
        said, _ = command.communicate(timeout=60)

    assert command.returncode == 0, said
    assert "0003" in project.alembic("current")


async def test_a_migration_that_waited_too_long_names_who_holds_the_lock(
    project: Project, server: AsyncConnection
) -> None:
    await server.execute(text("SELECT pg_advisory_lock(:key)"), {"key": KEY})
    await server.execute(text("SELECT pg_advisory_lock(:low)"), {"low": KEY & 0xFFFFFFFF})
    who = await server.execute(text("SELECT pg_backend_pid(), current_user"))
    holder = "pid {} of role {}".format(*who.one())

    code, said = project.attempt("upgrade", "head", MIGRATION_WAIT="0.1")

    assert code != 0
    assert f"another migration is running: waiting for its end ({holder})" in said
    assert said.splitlines()[-1] == (
        f"FAILED: {holder} has been migrating for 0.1 s: end it or wait"
    )


def test_another_project_in_the_same_database_has_another_lock() -> None:
    name = advisory_lock.__name__.replace("shop", "other", 1)
    spec = spec_from_file_location(name, advisory_lock.__file__)
    assert spec is not None
    assert spec.loader is not None
    other = module_from_spec(spec)
    spec.loader.exec_module(other)

    assert other.KEY != KEY
