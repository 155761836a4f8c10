"""A copy of this project. A proof may change its models, and run its migrations."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import URL

from .forked import run_python
from .own_migrations import by_hand


class Project:
    """A copy of the project with its own directory and its own database."""

    def __init__(self, original: Path, root: Path, url: URL) -> None:
        self.root = root
        self.url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        for name in ("src", "migrations"):
            # This copies the compiled modules too. They are valid for files that a proof does not change.
            shutil.copytree(original / name, root / name)
        shutil.copy(original / "pyproject.toml", root)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text that is in a file just once."""
        self.replace(self.root / file, old, new)

    def replace(self, path: Path, old: str, new: str) -> None:
        """Replace text that is in a file just once."""
        text = path.read_text()
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of the project's programs."""
        return (
            {name: value for name, value in os.environ.items() if "DATABASE" not in name}
            | {"DATABASE_URL": self.url, "PYTHONPATH": str(self.root / "src")}
            # Without the first variable messages must come immediately. The second would be slow.
            | {"PYTHONUNBUFFERED": "", "PYTHONDONTWRITEBYTECODE": ""}
            | more
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of Alembic. Its messages are in `stdout`."""
        return subprocess.Popen(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def attempt(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run a command of Alembic. Return its exit code and its output."""
        command = ["-m", "alembic", *arguments]
        return run_python(self.root, self.environment(**environment), command)

    def alembic(self, *arguments: str, **environment: str) -> str:
        """Run a command of Alembic that must succeed. Return its output."""
        code, output = self.attempt(*arguments, **environment)
        assert code == 0, output
        return output

    def alembic_all(self, *commands: str) -> str:
        """Run commands of Alembic in one process. All of them must succeed."""
        each = [["-m", "alembic", *command.split()] for command in commands]
        code, output = run_python(self.root, self.environment(), *each)
        assert code == 0, output
        return output

    def revise(self, message: str, *allowed: str) -> list[Path]:
        """Let autogenerate write revisions, and return their files in the order of the revisions."""
        before = set(self.revisions())
        options = [option for name in allowed for option in ("-x", f"allow={name}")]
        self.alembic(*options, "revision", "--autogenerate", "--message", message)
        new = {
            path.read_text().split("\nrevision = ")[1].split('"')[1]: path
            for path in set(self.revisions()) - before
        }
        after = {
            path.read_text().split("\ndown_revision = ")[1].split('"')[1]: path
            for path in new.values()
        }
        chain = [path for parent, path in after.items() if parent not in new]
        while len(chain) < len(new):
            [name] = [name for name, path in new.items() if path == chain[-1]]
            chain.append(after[name])
        return chain

    def revisions(self) -> list[Path]:
        """Return the files of all revisions."""
        return sorted((self.root / "migrations/versions").glob("*.py"))

    def write(
        self,
        name: str,
        upgrade: str = "pass",
        downgrade: str = "pass",
        *,
        phase: str = "expand",
        after: str | tuple[str, ...] = "0001",
        more: str = "",
    ) -> Path:
        """Write a revision by hand."""
        path = self.root / f"migrations/versions/{name}.py"
        path.write_text(by_hand(name, upgrade, downgrade, phase=phase, after=after, more=more))
        return path


def read_until(command: subprocess.Popen[str], words: str) -> str:
    """Read the output of a command until it has this text, for a minute at most. Return it."""
    assert command.stdout
    said = ""
    deadline = threading.Timer(60, command.kill)
    deadline.start()
    try:
        for line in command.stdout:
            said += line
            if words in line:
                return said
    finally:
        deadline.cancel()
    pytest.fail(f"{words!r} is not in the output: {said!r}")


@asynccontextmanager
async def transaction(project: Project, *statements: str) -> AsyncIterator[None]:
    """Keep another transaction open until the block ends."""
    connection = await asyncpg.connect(
        project.url, server_settings={"application_name": "somebody"}
    )
    try:
        # It keeps the snapshot of its first statement until it ends.
        async with connection.transaction(isolation="repeatable_read"):
            for statement in statements:
                await connection.execute(statement)
            yield
    finally:
        await connection.close()


@pytest.fixture
def project(pytestconfig: pytest.Config, tmp_path: Path, fresh_database_url: URL) -> Project:
    """A copy of the project, with its own migrated database."""
    return Project(pytestconfig.rootpath, tmp_path / "copy", fresh_database_url)
