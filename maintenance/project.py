"""A rendered project, and its changes since the template rendered it.

The tag `template` names the files as the template renders them. `just render` sets it, and `just
port` moves it. So `git diff template` in the project shows the changes that are not ported yet.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TAG = "template"
ANSWERS = ".copier-answers.yml"

# The first `uv run` writes this file. The template does not have it.
NOT_RENDERED = "uv.lock"


class PortError(Exception):
    """Something cannot be ported. The message says why."""


@dataclass(frozen=True)
class Change:
    """A file that was edited, renamed, added (without `old`) or deleted (without `new`)."""

    old: str | None
    new: str | None

    @property
    def name(self) -> str:
        """The name of the file in messages."""
        return self.new or self.old or ""

    @property
    def names(self) -> set[str]:
        """The old name, the new name, or both."""
        return {name for name in (self.old, self.new) if name}


class Project:
    """A project that `just render` rendered.

    Raises:
        PortError: `just render` did not render this directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / ".git").exists() or not self._git("tag", "--list", TAG):
            raise PortError(f"{path} is not a project: give a directory that `just render` printed")

    def answers(self) -> dict[str, Any]:
        """Return the answers of the project."""
        answers = yaml.safe_load((self.path / ANSWERS).read_text())
        return {name: answer for name, answer in answers.items() if not name.startswith("_")}

    def changes(self) -> list[Change]:
        """Return the changes since the tag, committed or not, without files that git ignores.

        The changes are staged, so that `git diff template` shows new files too.

        Raises:
            PortError: the answers were changed, so the template would render another project.
        """
        self._git("add", "--all")
        tree = self._git("write-tree").strip()
        listed = self._git("diff-tree", "-r", "-z", "--find-renames", "--name-status", TAG, tree)
        fields = iter(listed.split("\0")[:-1])
        changes = [_change(status, fields) for status in fields]
        if any(change.name == ANSWERS for change in changes):
            raise PortError(f"{ANSWERS} was changed; for other answers, render a new project")
        return [change for change in changes if change.name != NOT_RENDERED]

    def text(self, name: str) -> str:
        """Return the present content of a file."""
        return _decode((self.path / name).read_bytes())

    def rendered(self, name: str) -> str:
        """Return the content of a file as the template rendered it."""
        return _decode(self._run("show", f"{TAG}:{name}"))

    def mark(self, changes: Iterable[Change]) -> None:
        """Move the tag, because these changes are ported."""
        names = {name for change in changes for name in change.names}
        with tempfile.TemporaryDirectory() as directory:
            index = {"GIT_INDEX_FILE": str(Path(directory, "index"))}
            self._git("read-tree", TAG, **index)
            if names:
                self._git("add", "--all", "--", *sorted(names), **index)
            tree = self._git("write-tree", **index).strip()
        self._git("tag", "--force", TAG, tree)

    def _git(self, *arguments: str, **environment: str) -> str:
        return self._run(*arguments, **environment).decode()

    def _run(self, *arguments: str, **environment: str) -> bytes:
        # With this option, ":" and "*" in a name are no patterns.
        command = ["git", "--literal-pathspecs", *arguments]
        return subprocess.run(
            command, cwd=self.path, env=os.environ | environment, check=True, capture_output=True
        ).stdout


def _change(status: str, fields: Iterable[str]) -> Change:
    """Read a change from the fields of `git diff-tree -z`."""
    name = next(iter(fields))
    match status[0]:
        case "A":
            return Change(None, name)
        case "D":
            return Change(name, None)
        case "R":
            return Change(name, next(iter(fields)))
        case _:
            return Change(name, name)


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise PortError("it is not a text file") from None
