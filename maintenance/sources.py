"""The sources of the template, by the names of the rendered files."""

import re
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import copier
from copier.errors import MissingFileWarning

from tests.helpers import snapshot

from .lines import JINJA, PACKAGE, mark
from .project import ANSWERS, PortError

SUFFIX = ".jinja"
SKILL = "{{ skill_name }}"
WITH_TENANTS, WITHOUT_TENANTS = "{{ with_tenants }}", "{{ without_tenants }}"


@dataclass(frozen=True)
class Source:
    """The source of a file. Jinja reads it only if its name ends in `.jinja`."""

    text: str
    jinja: bool


class Sources:
    """The template below `root`, for projects whose package has the name `package`.

    A few files have a variant for projects with tenants, in another directory.
    """

    def __init__(self, root: Path, package: str, *, tenants: bool = False) -> None:
        self.root = root
        self.package = package
        self._variant = WITH_TENANTS if tenants else WITHOUT_TENANTS
        self._variants = set[str]()

    def read(self, name: str) -> Source | None:
        """Return the source of a file, or None."""
        path = self._find(name)
        return Source(path.read_bytes().decode(), jinja=path.suffix == SUFFIX) if path else None

    def write(self, name: str, source: Source, mode: int) -> None:
        """Write the source of a file."""
        path = self._path(name, SUFFIX if source.jinja else "")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.text.encode())
        path.chmod(mode)

    def delete(self, name: str) -> None:
        """Delete the source of a file, if it exists, and directories that become empty."""
        if path := self._find(name):
            path.unlink()
            for parent in path.parents:
                if any(parent.iterdir()):
                    break
                parent.rmdir()

    def generalize(self, text: str) -> Source:
        """Return the source of a text in which only the name of the package is rendered.

        Raises:
            PortError: the text has the name of the package, and braces that Jinja would read.
        """
        name = re.compile(rf"\b{self.package}\b")
        if not name.search(text):
            return Source(text, jinja=False)
        if JINJA.search(text):
            raise PortError("it names the package, and has braces that Jinja would read")
        return Source(name.sub(PACKAGE, text), jinja=True)

    def render(self, answers: dict[str, Any], marked: Iterable[str] = ()) -> dict[str, str]:
        """Return the files of a project with these answers, without the answers file.

        Args:
            answers: The answers. Other questions have their default.
            marked: Files whose lines get numbers, if Jinja reads their sources. See `lines.py`.
        """
        with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
            # At each first copy Copier warns that there are no previous answers.
            warnings.simplefilter("ignore", MissingFileWarning)
            copied = snapshot(Path(directory, "template"), self.root)
            tenants = self._variant == WITH_TENANTS
            template = Sources(copied, self.package, tenants=tenants)
            for name in marked:
                template._mark(name)
            project = Path(directory, "project")
            copier.run_copy(str(template.root), project, data=answers, defaults=True, quiet=True)
            files = {path.relative_to(project).as_posix(): path for path in project.rglob("*")}
            return {
                name: path.read_bytes().decode()
                for name, path in files.items()
                if path.is_file() and name != ANSWERS
            }

    def _mark(self, name: str) -> None:
        path = self._find(name)
        if path and path.suffix == SUFFIX:
            path.write_bytes(mark(path.read_bytes().decode()).encode())

    def _find(self, name: str) -> Path | None:
        for suffix in (SUFFIX, ""):
            if (path := self._path(name, suffix)).is_file():
                return path
            if (path := self._path(name, suffix, self._variant)).is_file():
                self._variants.add(name)
                return path
        return None

    def _path(self, name: str, suffix: str, package: str = PACKAGE) -> Path:
        if name in self._variants:
            package = self._variant
        names = {self.package: package, f"{self.package.replace('_', '-')}-db": SKILL}
        parts = [names.get(part, part) for part in Path(name + suffix).parts]
        return self.root.joinpath("template", *parts)
