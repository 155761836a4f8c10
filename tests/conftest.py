"""Fixtures, and a report of the figures that tests measured."""

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jinja2
import pytest

from tests.helpers import Render, commit, run, snapshot
from tests.renders import compile_once, make_once, render_once
from tests.update_table import PREFIX, write_table

pytest_plugins = ["tests.matrix", "tests.requirements"]

# Proofs import the package of a rendered project, and run inside of it: see test_proofs.py.
collect_ignore = ["proofs"]

# Settings of the user that would change the tests. With the last one, each program that the tests start
# would compile all of its modules again.
HIDDEN = {"VIRTUAL_ENV", "UV_RESOLUTION", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first. Otherwise one worker would run them alone at the end.

    The tests of one update follow, or each worker would make the projects that they share.
    """
    items.sort(
        key=lambda item: (item.get_closest_marker("proof") is None, item.path.stem != "test_update")
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded by `record_property`, and the table of updates."""
    figures = [
        f"{name}: {value}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if not name.startswith(PREFIX)  # it is in the table of updates
    ]
    if figures:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(sorted(set(figures))))
    write_table(terminalreporter)


@pytest.fixture(scope="session", autouse=True)
def environment(pytestconfig: pytest.Config, worker_id: str) -> Iterator[None]:
    """Hide the user's own settings from the tests, and keep compiled modules and templates."""
    assert pytestconfig.cache
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as directory:
        settings = Path(directory, "settings.yml")
        settings.write_text("{}")
        patch.setenv("COPIER_SETTINGS_PATH", str(settings))
        for name in list(os.environ):
            ours = ("DATABASE_", "MIGRATION_DATABASE_", "PG", "TEST_")
            if name in HIDDEN or name.startswith(ours):
                patch.delenv(name)
        # Two processes of mypy cannot write into the same cache.
        cache = pytestconfig.cache.mkdir(f"mypy-{worker_id}")
        patch.setenv("MYPY_CACHE_DIR", str(cache))
        patch.setattr(jinja2.Environment, "compile", compile_once())
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A directory of this run that all workers of pytest-xdist share."""
    directory = tmp_path_factory.getbasetemp()
    return directory if worker_id == "master" else directory.parent


@pytest.fixture(scope="session")
def template(shared: Path) -> Path:
    """A copy of the template as it is in the work tree, without its history. No test changes it."""
    return make_once(shared / "template", snapshot)


@pytest.fixture(scope="session")
def render(template: Path, shared: Path) -> Render:
    """A function `render(destination, **answers)` that renders a project and returns its path."""
    return partial(render_once, template, shared / "rendered")


@pytest.fixture(scope="session")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project, for tests that only read it."""
    return render(tmp_path_factory.mktemp("default") / "shop")


@pytest.fixture(scope="session")
def shop(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project, committed and with its dependencies, in a directory with a space."""
    shop = render(tmp_path_factory.mktemp("with a space") / "shop")
    run(["uv", "sync", "--quiet"], shop)
    commit(shop, "Render")
    return shop


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that all users may enter, because PostgreSQL runs as `nobody` if root calls.

    The directories of pytest cannot be used: each start of pytest closes them to other users.
    """
    with tempfile.TemporaryDirectory(prefix="open to all ") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)
