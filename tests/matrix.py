"""The projects of the covering array. Each is rendered once, even if pytest-xdist has several workers.

Projects with the same dependencies share an environment. All of them share a cache of mypy and a
PostgreSQL. So their checks take much less time than `uv run just check` in a new project.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import covering_array
from tests.conditions import Seen, watched
from tests.helpers import NO_DOCKER, render_project, run

CELLS = covering_array.cells()
PROGRAMS = covering_array.representatives()

# The recipes of a justfile call this program and not uv, because uv would install each project.
UV = '#!/bin/sh\nshift # "run"\nexec "$@"\n'
SERVE = """
import sys
from tools.embedded import EmbeddedPostgres

server = EmbeddedPostgres()
print(server.start(), flush=True)
sys.stdin.read()
server.stop()
"""


class Matrix:
    """The projects, by their numbers.

    Args:
        directory: A directory that the workers share.
        template: The sources of the template.
    """

    def __init__(self, directory: Path, template: Path) -> None:
        self._directory = directory
        self._template = template

    def cell(self, number: int) -> Path:
        """Return a project. Tests must not change it."""

        def build(directory: Path) -> None:
            with watched() as seen:
                render_project(self._template, directory / "project", **CELLS[number])
            (directory / "seen.json").write_text(json.dumps(sorted(seen)))

        return self._once(f"cell {number}", build) / "project"

    def cells(self) -> list[Path]:
        """Return all projects."""
        return [self.cell(number) for number in range(len(CELLS))]

    def seen(self) -> Seen:
        """Return the outcomes of the conditions in the renders of all projects."""
        texts = [(cell.parent / "seen.json").read_text() for cell in self.cells()]
        return {((name, i), outcome) for text in texts for (name, i), outcome in json.loads(text)}

    def program(self, number: int) -> Path:
        """Return a copy of a project. Checks may write files into it."""

        def build(directory: Path) -> None:
            shutil.copytree(self.cell(number), directory, dirs_exist_ok=True)

        return self._once(f"program-{number}", build)

    def run(self, number: int, command: list[str], **environment: str) -> str:
        """Run a command in the copy of a project, with the tools of its environment."""
        project, tools = self.program(number), self.environment(number) / "bin"
        path = f"{self._once('without uv', write_uv)}:{tools}:{os.environ['PATH']}"
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        own = {
            "PATH": path,
            "PYTHONPATH": str(project / "src"),
            "MYPY_CACHE_DIR": str(self._directory / f"mypy{worker}"),
        }
        return run(command, project, **NO_DOCKER, **own, **environment)

    def environment(self, number: int) -> Path:
        """Return the environment of a project. Projects with the same dependencies share it."""
        text = (self.cell(number) / "pyproject.toml").read_text()
        key = hashlib.sha256(repr(dependencies(text)).encode()).hexdigest()[:8]

        def build(directory: Path) -> None:
            # The project may need a newer Python than the one that runs the tests.
            here = re.sub('requires-python = ".*"', 'requires-python = ">=3.11"', text)
            (directory / "pyproject.toml").write_text(here)
            run(["uv", "sync", "--quiet", "--no-install-project"], directory)

        return self._once(f"environment-{key}", build) / ".venv"

    def _once(self, name: str, build: Callable[[Path], None]) -> Path:
        directory, done = self._directory / name, self._directory / f"{name}.done"
        with (self._directory / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                directory.mkdir()
                build(directory)
                done.touch()
        return directory


def write_uv(directory: Path) -> None:
    """Write a program `uv` that runs the command after `uv run`."""
    (directory / "uv").write_text(UV)
    (directory / "uv").chmod(0o755)


def dependencies(pyproject: str) -> tuple[object, object]:
    """Return the dependencies in the text of a pyproject.toml."""
    table = tomllib.loads(pyproject)
    return table["project"]["dependencies"], table["dependency-groups"]


def distinct(paths: list[Path]) -> list[Path]:
    """Return the files that exist. If several files have the same text, return one of them."""
    return list({path.read_bytes(): path for path in paths if path.exists()}.values())


@pytest.fixture(scope="session")
def matrix(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The projects of the covering array."""
    own = tmp_path_factory.getbasetemp()
    directory = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "matrix"
    directory.mkdir(exist_ok=True)
    return Matrix(directory, template)


@pytest.fixture(scope="session")
def server(matrix: Matrix) -> Iterator[str]:
    """The URL of a PostgreSQL for the tests of all projects."""
    number = PROGRAMS[0]
    command = [str(matrix.environment(number) / "bin/python"), "-c", SERVE]
    project = matrix.program(number)
    with subprocess.Popen(
        command,
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()
