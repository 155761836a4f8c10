"""A rendered project with its dependencies and its peers, and the contestants inside of it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# What is compared with, in its newest version.
PEERS = ["advanced-alchemy"]


class BenchmarkError(RuntimeError):
    """A program failed; the message has what it said."""


def equip(project: Path) -> None:
    """Install what the project and the contestants need, and put the contestants into it."""
    _run(["uv", "sync", "--quiet"], project)
    _run(["uv", "pip", "install", "--quiet", *PEERS], project)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / "contestants", project / "contestants", ignore=ignored)


def compete(project: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """Let the contestants work on a PostgreSQL of their own, and yield what they say.

    Raises:
        BenchmarkError: one of them failed.
    """
    command = ["python", "-m", "tools.throwaway", "python", "-m", "contestants", *arguments]
    process = subprocess.Popen(
        ["uv", "run", "--quiet", "--no-sync", *command],
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
            else:  # the server's start, the migrations, an error
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
    """The person's own, without what would lead to another database or another environment."""
    others = ("DATABASE_", "MIGRATION_DATABASE_", "PG", "TEST_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)}
