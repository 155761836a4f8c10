"""Migrations that are killed, or that meet a lock or another migration, run again and succeed."""

import os
import random
import secrets
import signal
import sys
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
from alembic.util import CommandError
from sqlalchemy import URL, Engine, event, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.postgresql import advisory_lock
from shop.db.migrations.postgresql.advisory_lock import KEY
from tests.proofs.support.everything import change_everything, describe, fill, remove_rows
from tests.proofs.support.faults import wait_until
from tests.proofs.support.forked import PROCESSES
from tests.proofs.support.psql import psql
from tests.proofs.support.revisions import Project, read_until, transaction
from tests.proofs.support.sampling import FULL
from tools.sources import connect

# The session that builds an index and waits for the end of another transaction.
BUILDING = """
    FROM pg_stat_activity WHERE datname = current_database()
    AND query LIKE 'CREATE%INDEX CONCURRENTLY%' AND wait_event = 'virtualxid'
"""

# The exit codes of a process that was killed, and of one whose session was ended.
ENDED = {"kill": -signal.SIGKILL, "terminate": 3}

Record = Callable[[str, object], None]


def migrate(
    root: Path, url: str, to: str, deadly: int | None, fault: str, done: Connection
) -> None:
    """Migrate to a revision. Before the step with this number, the process or its session ends."""
    number = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def before(connection: Any, _: Any, statement: str, *__: Any) -> None:
        nonlocal number
        if statement.split()[0] in {"SELECT", "SET", "RESET", "SHOW"}:
            return
        if number == deadly and fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif number == deadly:
            pid = connection.connection.driver_connection.get_server_pid()
            psql(make_url(url), f"SELECT pg_terminate_backend({pid}, 10000)")
        number += 1
        done.send(statement)

    os.chdir(root)
    os.environ["DATABASE_URL"] = url
    run = command.upgrade if to == "head" else command.downgrade
    try:
        run(Config(toml_file=root / "pyproject.toml", stdout=StringIO()), to)
    except CommandError:  # one sentence
        sys.exit(ENDED["terminate"])


def run_migration(
    project: Project, url: URL, to: str, deadly: int | None = None, fault: str = ""
) -> tuple[int | None, list[str]]:
    """Return how such a process ended, and the steps that it took."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    text = url.set(drivername="postgresql").render_as_string(hide_password=False)
    arguments = (project.root, text, to, deadly, fault, sender)
    process = PROCESSES.Process(target=migrate, args=arguments)
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


async def test_a_migration_that_was_ended_at_any_step_can_be_run_again(
    project: Project, fresh_database_url: URL, postgres_url: URL, record_property: Record
) -> None:
    """The next run makes the same schema as a run without a fault. The way back after it does the same."""
    change_everything(project)
    before = await describe(fresh_database_url)
    await fill(fresh_database_url)
    async with connect(postgres_url) as server:
        async with cloned(server, fresh_database_url) as url:
            exit_code, up = run_migration(project, url, "head")
            assert exit_code == 0
            after = await describe(url)
            await remove_rows(url)
            exit_code, down = run_migration(project, url, "0001")
            assert (exit_code, await describe(url)) == (0, before)

        cases = [
            (to, number, step, fault)
            for to, steps in {"head": up, "0001": down}.items()
            for number, step in enumerate(steps)
            for fault in ENDED
        ]
        chosen = cases if FULL else random.sample(cases, 3)
        for to, number, step, fault in chosen:
            async with cloned(server, fresh_database_url) as url:
                if to == "0001":
                    await remove_rows(url)
                    assert run_migration(project, url, "head")[0] == 0
                ended, steps = run_migration(project, url, to, number, fault)
                again, _ = run_migration(project, url, to)

                said = f"{fault} before {step}, on the way to {to}"
                expected = up if to == "head" else down
                assert (ended, steps[:number]) == (ENDED[fault], expected[:number]), said
                assert again == 0, said
                assert await describe(url) == (after if to == "head" else before), said
                if to == "head":
                    await remove_rows(url)
                    assert run_migration(project, url, "0001")[0] == 0, said
                    assert await describe(url) == before, said

    record_property("migrations ended at a step, and run again", len(chosen))


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
