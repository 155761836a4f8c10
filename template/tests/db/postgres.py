"""One PostgreSQL a run, one database a process: a pytest plugin.

The first test that asks for a database makes the run start its server (``tools.sources`` says
which; with pytest-xdist the controller starts it, before any test) and migrate a template
database; each process works on a clone of it. What is made is named ``test_<run>_…`` and gone at
the end, on a server of your own too, unless the run was killed by SIGKILL.

* ``database_url``: for tests that roll back.
* ``fresh_database_url``: for a test that commits; costs some 20 ms, so it is not the rule.
* ``postgres_url``: the server, for a test that makes databases or roles itself.

Limits: roles are the server's, not the database's, and stay. ``ALTER DATABASE … SET`` in a
migration is not cloned.
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
        prefix: How the names of all its databases begin.
        strategy: How its server copies a database fastest.
        url: The server's superuser; None before it is started or when it cannot be.
        error: Why it cannot be started.
        source: None in xdist's workers, whose server is the controller's.
        header: What was announced.
    """

    prefix: str
    strategy: str = "WAL_LOG"
    url: URL | None = None
    error: str = ""
    source: Source | None = None
    header: str = ""

    def start(self) -> None:
        """Start the server, unless that was tried before."""
        if self.source is None or self.url or self.error:
            return
        # A cancelled job gets SIGTERM: end as on Ctrl-C, or nobody cleans up a server of your own.
        # By the signal, as asyncio has a handler for it which cancels the running test.
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        try:
            self.url = self.source.start()
        except ServerError as error:
            if self.source.explicit:
                pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
            self.error = str(error)  # for the tests that need it; the others can do without
        # Measured on a small template: without fsync FILE_COPY takes 17 ms and WAL_LOG 33; with
        # fsync 55 and 25, as FILE_COPY makes checkpoints, which wait for the disk.
        self.strategy = "WAL_LOG" if self.source.kind == "external" else "FILE_COPY"


RUN = pytest.StashKey[Run]()


@pytest.hookimpl(tryfirst=True)  # before xdist starts its workers
def pytest_sessionstart(session: pytest.Session) -> None:
    """Choose the server, or learn it from the controller."""
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
    """Say which server it will be."""
    return config.stash[RUN].header if RUN in config.stash else None


@pytest.hookimpl(optionalhook=True)  # xdist's, in the controller, once a worker
def pytest_configure_node(node: Any) -> None:
    """Start the server and tell the worker where it is."""
    run = node.config.stash[RUN]
    run.start()
    url = run.url.render_as_string(hide_password=False) if run.url else ""
    node.workerinput["postgres"] = [run.prefix, run.strategy, url, run.error]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say so if it became another server than announced."""
    run = config.stash.get(RUN, None)
    if run and run.source and str(run.source) != run.header:
        terminalreporter.write_line(str(run.source), yellow=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Drop the run's databases where they would stay, and stop what it started."""
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
    """The run's server, as its superuser (or the user of TEST_DATABASE_URL)."""
    run = pytestconfig.stash[RUN]
    run.start()
    if run.url is None:
        pytest.fail(run.error, pytrace=False)
    return run.url


@pytest.fixture(scope="session")
def template_database(pytestconfig: pytest.Config, postgres_url: URL) -> str:
    """The name of the database that ``alembic upgrade head`` built, once a run; nobody connects."""
    name = f"{pytestconfig.stash[RUN].prefix}template"
    alembic = Config(toml_file=pytestconfig.rootpath / "pyproject.toml")
    asyncio.run(_build_once(postgres_url, name, alembic))
    return name


@pytest.fixture(scope="session")
def database_url(pytestconfig: pytest.Config, postgres_url: URL, template_database: str) -> URL:
    """This process's migrated database; its tests share it, so they roll back."""
    run = pytestconfig.stash[RUN]
    name = run.prefix + os.environ.get("PYTEST_XDIST_WORKER", "main")
    asyncio.run(_clone(postgres_url, name, template_database, run.strategy))
    return postgres_url.set(database=name)


@pytest.fixture
def fresh_database_url(
    pytestconfig: pytest.Config, postgres_url: URL, template_database: str
) -> Iterator[URL]:
    """A migrated database for one test, which may commit and connect as it likes."""
    run = pytestconfig.stash[RUN]
    name = run.prefix + secrets.token_hex(4)
    asyncio.run(_clone(postgres_url, name, template_database, run.strategy))
    yield postgres_url.set(database=name)
    asyncio.run(_drop(postgres_url, name))


async def _build_once(url: URL, name: str, alembic: Config) -> None:
    async with connect(url) as server:
        # The first process builds, the others wait; the lock goes with the connection.
        await server.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": name})
        query = text("SELECT datistemplate FROM pg_database WHERE datname = :name")
        if await server.scalar(query, {"name": name}):
            return
        # Not yet a template: left by a process whose migrations failed.
        await server.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await server.exec_driver_sql(f'CREATE DATABASE "{name}"')
        engine = create_async_engine(url.set(database=name), poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade, alembic)
        finally:
            await engine.dispose()
        # A database cannot be cloned while somebody is connected to it.
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
