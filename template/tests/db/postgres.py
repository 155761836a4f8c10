"""A pytest plugin: each run has a PostgreSQL, and each process of the run has a database.

``tools.sources`` chooses the server. It starts when the first test asks for a database. With
pytest-xdist the controller starts it before all tests. The run migrates one template database, and
each process works on a clone of it.

Databases of the tests are named ``test_<run>_…``. The run drops them at the end, also on your own
server. Only a run that is killed by SIGKILL leaves them behind.

* ``database_url`` is for tests that roll back.
* ``fresh_database_url`` is for a test that commits. It costs about 20 ms, so use it only then.
* ``postgres_url`` is the server, for a test that creates databases or roles.

Limits: a role belongs to the server and not to a database, so a role stays after the run. A clone
does not have the settings of ``ALTER DATABASE … SET`` in a migration.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, NullPool, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tools.embedded import ServerError
from tools.sources import Source, choose, connect


@dataclass
class Run:
    """What the processes of one run share.

    Attributes:
        prefix: The names of all databases of the run begin with this.
        strategy: The fastest way in which this server copies a database.
        url: The URL of the superuser, or None if the server does not run.
        error: Why the server cannot be started; empty if it can.
        source: The chosen server. None in a worker of xdist, which uses the controller's server.
        header: The line that the run printed at its start.
    """

    prefix: str
    strategy: str = "WAL_LOG"
    url: URL | None = None
    error: str = ""
    source: Source | None = None
    header: str = ""

    def start(self) -> None:
        """Start the server, unless somebody tried that before."""
        if self.source is None or self.url or self.error:
            return
        # CI cancels a job by SIGTERM. End as after Ctrl-C, or the databases stay on your own server.
        # Raise the signal, since the handler of asyncio for it cancels the running test.
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        try:
            self.url = self.source.start()
        except ServerError as error:
            if self.source.explicit:
                pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
            self.error = str(error)  # only tests that need the server fail with it
        # Measured on a small template database: without fsync FILE_COPY takes 17 ms and WAL_LOG
        # 33 ms. With fsync they take 55 ms and 25 ms, since the checkpoints of FILE_COPY wait for
        # the disk.
        self.strategy = "WAL_LOG" if self.source.kind == "external" else "FILE_COPY"


RUN = pytest.StashKey[Run]()


@pytest.hookimpl(tryfirst=True)  # before xdist starts its workers
def pytest_sessionstart(session: pytest.Session) -> None:
    """Choose the server. A worker of xdist gets it from the controller."""
    config = session.config
    if config.option.collectonly:
        return
    if received := getattr(config, "workerinput", None):
        prefix, strategy, url, error = received["postgres"]
        config.stash[RUN] = Run(prefix, strategy, make_url(url) if url else None, error)
        return
    try:
        source = choose()
    except ServerError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[RUN] = Run(f"test_{secrets.token_hex(4)}_", source=source, header=str(source))


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return the line that says which server the run uses."""
    return config.stash[RUN].header if RUN in config.stash else None


@pytest.hookimpl(optionalhook=True)  # a hook of xdist: the controller calls it for each worker
def pytest_configure_node(node: Any) -> None:
    """Start the server, and tell the worker its URL."""
    run = node.config.stash[RUN]
    run.start()
    url = run.url.render_as_string(hide_password=False) if run.url else ""
    node.workerinput["postgres"] = [run.prefix, run.strategy, url, run.error]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which server the run used, if it is not the one of the first line."""
    run = config.stash.get(RUN, None)
    if run and run.source and str(run.source) != run.header:
        terminalreporter.write_line(str(run.source), yellow=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Drop the databases of the run, and stop the server if the run started it."""
    run = config.stash.get(RUN, None)
    if run is None or run.source is None:
        return
    try:
        if run.url and run.source.kind == "external":
            asyncio.run(_drop_all(run.url, run.prefix))
    finally:
        run.source.server.stop()


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> URL:
    """The URL of the run's server, with its superuser or the user of TEST_DATABASE_URL."""
    run = pytestconfig.stash[RUN]
    run.start()
    if run.url is None:
        pytest.fail(run.error, pytrace=False)
    return run.url


@pytest.fixture(scope="session")
def template_database(pytestconfig: pytest.Config, postgres_url: URL) -> str:
    """The name of the database that was migrated once for this run. Nothing may connect to it."""
    name = f"{pytestconfig.stash[RUN].prefix}template"
    alembic = Config(toml_file=pytestconfig.rootpath / "pyproject.toml")
    asyncio.run(_build_once(postgres_url, name, alembic))
    return name


@pytest.fixture(scope="session")
def database_url(pytestconfig: pytest.Config, postgres_url: URL, template_database: str) -> URL:
    """The migrated database of this process. Its tests share it, so they must roll back."""
    run = pytestconfig.stash[RUN]
    name = run.prefix + os.environ.get("PYTEST_XDIST_WORKER", "main")
    asyncio.run(_clone(postgres_url, name, template_database, run.strategy))
    return postgres_url.set(database=name)


@pytest.fixture
def fresh_database_url(
    pytestconfig: pytest.Config, postgres_url: URL, template_database: str
) -> Iterator[URL]:
    """A migrated database for this test alone, which may commit."""
    run = pytestconfig.stash[RUN]
    name = run.prefix + secrets.token_hex(4)
    asyncio.run(_clone(postgres_url, name, template_database, run.strategy))
    yield postgres_url.set(database=name)
    asyncio.run(_drop(postgres_url, name))


async def _build_once(url: URL, name: str, alembic: Config) -> None:
    async with connect(url) as server:
        # The first process builds, and the others wait. The lock ends with the connection.
        await server.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": name})
        query = text("SELECT datistemplate FROM pg_database WHERE datname = :name")
        if await server.scalar(query, {"name": name}):
            return
        # A database that is no template was left behind by a process whose migrations failed.
        await server.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await server.exec_driver_sql(f'CREATE DATABASE "{name}"')
        engine = create_async_engine(url.set(database=name), poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade, alembic)
        finally:
            await engine.dispose()
        # PostgreSQL cannot clone a database that somebody is connected to.
        await server.exec_driver_sql(
            f'ALTER DATABASE "{name}" WITH IS_TEMPLATE true ALLOW_CONNECTIONS false'
        )


def _upgrade(connection: Connection, alembic: Config) -> None:
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")


async def _clone(url: URL, name: str, template: str, strategy: str) -> None:
    async with connect(url) as server:
        await server.exec_driver_sql(
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY {strategy}'
        )


async def _drop(url: URL, name: str) -> None:
    async with connect(url) as server:
        await server.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _drop_all(url: URL, prefix: str) -> None:
    async with connect(url) as server:
        query = text(
            "SELECT datname, datistemplate FROM pg_database WHERE starts_with(datname, :prefix)"
        )
        for name, is_template in (await server.execute(query, {"prefix": prefix})).all():
            if is_template:
                await server.exec_driver_sql(f'ALTER DATABASE "{name}" WITH IS_TEMPLATE false')
            await server.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
