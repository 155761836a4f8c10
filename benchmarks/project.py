"""Prepare a rendered project with the contestants and their packages, and run them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# The peers, in their newest version.
PEERS = ["advanced-alchemy"]


class BenchmarkError(RuntimeError):
    """A program failed. The message has its output."""


def equip(project: Path, package: str = "contestants") -> None:
    """Copy a package of contestants into the project, and install what they need."""
    _run(["uv", "sync", "--quiet"], project)
    _run(["uv", "pip", "install", "--quiet", *PEERS], project)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / package, project / package, ignore=ignored)


def compete(project: Path, *command: str) -> Iterator[dict[str, Any]]:
    """Run a command on a new PostgreSQL, and yield the lines that its contestants print.

    Raises:
        BenchmarkError: a contestant failed.
    """
    on_a_server = ["uv", "run", "--quiet", "--no-sync", "python", "-m", "tools.throwaway"]
    process = subprocess.Popen(
        [*on_a_server, *command],
        cwd=project,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
            else:  # messages about the server and the migrations, or an error
                said.append(line)
    if process.returncode != 0:
        raise BenchmarkError("".join(said))


def _run(command: list[str], directory: Path) -> None:
    result = subprocess.run(
        command,
        cwd=directory,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)}:\n{result.stdout}")


def _environment() -> dict[str, str]:
    """Return the environment without variables that name another database or environment."""
    others = ("DATABASE_", "MIGRATION_DATABASE_", "PG", "TEST_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)}
