"""Bring the changes of a rendered project back into the template: `just port PROJECT`.

    project=$(just render)      # work there, and run its checks
    just port "$project"        # and read `git diff` here

It reads each file of the project that was edited, added, renamed or deleted. In texts and paths,
the name of the package becomes `{{ package_name }}` again. Later changes of the template stay,
because git merges both. Then it renders the template again, and compares it with the project.

It does not guess. If a change cannot be ported, it prints the lines and the reason, and exits with 1.
This happens to new lines beside a tag of Jinja, to a line that lost a rendered value, and to lines that
both sides changed. `git diff template` in the project shows these changes.
"""

import argparse
import sys
from pathlib import Path

from tests.helpers import ROOT

from .lines import JINJA, rewrite, unmark
from .merge import merge
from .project import Change, PortError, Project
from .sources import Source, Sources


class Port:
    """Port the changes of a project into the template below `root`."""

    def __init__(self, project: Project, root: Path) -> None:
        self._project = project
        self._answers = project.answers()
        self._changes = project.changes()
        self._sources = Sources(
            root,
            self._answers["package_name"],
            tenants=self._answers.get("multi_tenancy") == "rls",
        )
        self._before = self._sources.render(self._answers)
        names = {name for change in self._changes for name in change.names}
        self._marked = self._sources.render(self._answers, marked=names) if names else {}
        self._expected = dict(self._before)

    def run(self) -> list[str]:
        """Port the changes, and return a sentence for each change that cannot be ported."""
        failures = {change: self._port(change) for change in self._changes}
        ported = [change for change, reasons in failures.items() if not reasons]
        failed = {name for change in failures.keys() - {*ported} for name in change.names}
        wrong = self._wrong() - failed
        self._project.mark(change for change in ported if not wrong & change.names)
        return [
            *(f"{change.name}: {reason}." for change in failures for reason in failures[change]),
            *(f"{name}: a fresh render is not what was expected." for name in sorted(wrong)),
        ]

    def _port(self, change: Change) -> list[str]:
        """Port a change, and return why parts of it cannot be ported."""
        try:
            if change.new is None:
                return self._delete(change.name)
            return self._write(change, change.new)
        except PortError as error:
            return [str(error)]

    def _delete(self, name: str) -> list[str]:
        if name in self._before:
            if self._before[name] != self._project.rendered(name):
                raise PortError("the template has changed this file too, so it is not deleted")
            self._sources.delete(name)
            del self._expected[name]
        return []

    def _write(self, change: Change, new: str) -> list[str]:
        """Write the source of a file. If it was renamed, delete the source of its old name."""
        if new not in self._before and self._sources.read(new):
            raise PortError("the template has a file of this name for other answers")
        at = change.old if change.old in self._before else new
        text = self._merged(change, new, at)
        source, failures = self._source(at, text)
        self._sources.delete(at)
        self._sources.write(new, source, mode=(self._project.path / new).stat().st_mode)
        self._expected.pop(at, None)
        self._expected[new] = text
        return failures

    def _merged(self, change: Change, new: str, at: str) -> str:
        """Return the text that the template must render, with the changes of both sides."""
        edited = self._project.text(new)
        if at in self._before:
            base = self._project.rendered(change.old) if change.old else ""
            return merge(self._before[at], base, edited)
        if change.old:
            raise PortError("the template does not render this file any more")
        return edited

    def _source(self, at: str, text: str) -> tuple[Source, list[str]]:
        """Return the source that renders a text, and the reasons for parts that it does not render."""
        source = self._sources.read(at)
        if source is None or not source.jinja:
            return self._sources.generalize(text), []
        lines = unmark(self._marked[at])
        if "".join(line.text for line in lines) != self._before[at]:
            raise PortError("nobody knows which lines of the source its lines come from")
        rewritten, failures = rewrite(source.text, lines, text, self._sources.package)
        return Source(rewritten, jinja=JINJA.search(rewritten) is not None), failures

    def _wrong(self) -> set[str]:
        """Render the template again, and return the files that differ from the project."""
        after, expected = self._sources.render(self._answers), self._expected
        names = after.keys() | expected.keys()
        return {name for name in names if after.get(name) != expected.get(name)}


def main() -> None:
    """Port a project, and print the changes that were not ported."""
    parser = argparse.ArgumentParser(prog="just port", description="Port a project's changes.")
    parser.add_argument("project", type=Path, help="a directory that `just render` made")
    try:
        port = Port(Project(parser.parse_args().project), ROOT)
    except PortError as error:
        sys.exit(f"port: {error}.")
    if failures := port.run():
        sys.exit("\n".join([*failures, "Everything else is ported; see `git diff` here."]))
    print("The template renders the project as it is now.")


if __name__ == "__main__":
    main()
