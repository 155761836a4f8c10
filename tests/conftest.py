"""Fixtures, and a report of the figures that tests measured."""

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.helpers import Render, commit, render_project, run, snapshot

pytest_plugins = ["tests.matrix", "tests.requirements"]

# Proofs import the package of a rendered project, and run inside of it: see test_proofs.py.
collect_ignore = ["proofs"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded by `record_property`."""
    figures = [
        f"{name}: {value}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
    ]
    if figures:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(sorted(set(figures))))


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """Hide the user's own settings of Copier, uv and PostgreSQL from the tests."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as directory:
        settings = Path(directory, "settings.yml")
        settings.write_text("{}")
        patch.setenv("COPIER_SETTINGS_PATH", str(settings))
        for name in list(os.environ):
            ours = ("DATABASE_", "MIGRATION_DATABASE_", "PG", "TEST_")
            if name in {"VIRTUAL_ENV", "UV_RESOLUTION"} or name.startswith(ours):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template as it is in the work tree, without its history."""
    return snapshot(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def render(template: Path) -> Render:
    """A function `render(destination, **answers)` that renders a project and returns its path."""

    return partial(render_project, template)


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
