"""Functions for tests: render projects, update them, and run their commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copier
import pytest
from copier._template import load_template_config

from tests.proofs.support.sampling import FULL

ROOT = Path(__file__).resolve().parents[1]
# This function of Copier is private. It is needed because copier.yml includes files.
CONFIG: dict[str, Any] = load_template_config(ROOT / "copier.yml")
QUESTIONS = {
    name: question
    for name, question in CONFIG.items()
    if not name.startswith("_") and question.get("when") is not False
}

# The parts of the repository that Copier reads. Rendering from a plain directory needs no clone.
SOURCES = ["copier.yml", "includes", "licenses", "template"]

# With this environment a machine seems to have no Docker.
NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}

# The proofs need so much time on a busy machine.
HOURS = 8 if FULL else 0.5

Render = Callable[..., Path]
Record = Callable[[str, object], None]


def check_answers(answers: Mapping[str, Any]) -> None:
    """Fail for an unknown question, which Copier ignores, and for a hidden one, which it accepts."""
    if unknown := sorted(answers.keys() - QUESTIONS.keys()):
        raise LookupError(f"no question of the template: {', '.join(unknown)}")


def render_project(template: Path, destination: Path, **answers: Any) -> Path:
    """Render a project with these answers, and with defaults for the others."""
    check_answers(answers)
    copier.run_copy(str(template), destination, data=answers, defaults=True, quiet=True)
    return destination


def snapshot(directory: Path, root: Path = ROOT) -> Path:
    """Copy the sources of the template from the work tree into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        source = root / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
            shutil.copytree(source, directory / name, ignore=ignored)
        else:
            shutil.copy(source, directory / name)
    return directory


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory, with a user's name and without the settings of the machine."""
    return run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments],
        directory,
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_CONFIG_SYSTEM=os.devnull,
    )


def commit(directory: Path, message: str) -> None:
    """Commit all files of a directory. Create its repository if it is missing."""
    if not (directory / ".git").exists():
        git(directory, "init", "--quiet", "--initial-branch=main")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", message)


def just(project: Path, *arguments: str, **environment: str) -> str:
    """Run a recipe of a project's justfile, and return its output."""
    return run(["uv", "run", "--quiet", "just", *arguments], project, **environment)


def on_a_server(project: Path, script: str, **environment: str) -> str:
    """Run a shell script on a temporary, migrated PostgreSQL that DATABASE_URL names."""
    command = ["uv", "run", "--quiet", "python", "-m", "tools.throwaway", "sh", "-e", "-c", script]
    return run(command, project, **NO_DOCKER, **environment)


@contextmanager
def a_server(project: Path) -> Iterator[str]:
    """Start a temporary PostgreSQL. Yield its URL, without the name of a database."""
    program = (
        "from tools.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres()\nprint(server.start(), flush=True)\ninput()\nserver.stop()"
    )
    command = ["uv", "run", "--quiet", "python", "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=project, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().rpartition("/")[0]
        finally:
            process.communicate("\n")


def run(command: list[str], directory: Path, **environment: str) -> str:
    """Run a command, and return its output. Fail with the output if the exit code is not 0."""
    result = attempt(command, directory, **environment)
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}")
    return result.stdout


def attempt(
    command: list[str], directory: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, and return its exit code and its output, with errors."""
    return subprocess.run(
        command,
        cwd=directory,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HOURS * 3600,
        check=False,
    )


def publish(template: Path, version: str) -> None:
    """Commit the sources of a template, and tag them as a released version."""
    commit(template, version)
    git(template, "tag", version)


def left(project: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit code and the output of `just updated`, without the time of `uv run`."""
    done = attempt([sys.executable, "-m", "tools.updated", *arguments], project)
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


def update(project: Path, **answers: Any) -> None:
    """Update a project to the newest version of its template, and commit."""
    check_answers(answers)
    copier.run_update(project, data=answers, defaults=True, overwrite=True, quiet=True)
    commit(project, "Update from the template")


def lived_in(project: Path) -> Path:
    """Edit, add and delete files of a project, as people do."""
    package = project / "src/shop"
    edit(
        package / "models/user.py",
        "    bio: Mapped[str | None]\n",
        "    bio: Mapped[str | None]\n    city: Mapped[str | None]\n",
    )
    prepend(package / "models/base.py", "# ours\n")
    prepend(package / "unit_of_work.py", "# ours\n")
    edit(package / "settings.py", "    database:", "    greeting: str = 'hello'\n    database:")
    edit(project / "README.md", "## Start", "## Our own words\n\n## Start")
    prepend(project / "tests/conftest.py", "# ours\n")
    (package / "billing.py").write_text('"""Ours."""\n')
    (project / "tests/unit/test_services.py").unlink()
    (project / "scripts/seed.py").rename(project / "scripts/plant.py")
    for name in ["justfile", ".gitignore", ".env.example"]:
        with (project / name).open("a") as file:
            file.write("# ours\n")
    edit(
        project / "pyproject.toml", '"argon2-cffi>=25.1.0",', '"argon2-cffi>=25.1.0",\n    "httpx",'
    )
    commit(project, "Live")
    return project


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that occurs exactly once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new))


def prepend(path: Path, line: str) -> None:
    """Put a line at the beginning of a file."""
    path.write_text(line + path.read_text())
