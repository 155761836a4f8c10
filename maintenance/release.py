"""Release a version of the template: `just release 0.2.0`.

It checks the work tree, the version, CHANGELOG.md, the notes, and the rules between versions. Then it
writes the version, the changelog, the notes and the archive of the sources. It commits them, and sets
the tag. It does not push.

`pyproject.toml` has the version of the last release.
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.helpers import ROOT

from . import notes
from .archive import ARCHIVES, SUFFIX, number, pack, unpack, versions

# These tests check the rules between versions.
RULES = ["tests/test_compatibility.py", "tests/test_notes.py", "tests/test_releases.py"]

UNRELEASED = "## [Unreleased]\n"


def current(root: Path) -> str:
    """Return the version of the last release, or 0.0.0."""
    text = (root / "pyproject.toml").read_text()
    version: str = tomllib.loads(text)["project"]["version"]
    return version


def problems(root: Path, version: str) -> Iterator[str]:
    """Yield a sentence for each reason why this version cannot be released."""
    if _git(root, "status", "--porcelain"):
        yield "the work tree has changes: commit them"
    if _git(root, "tag", "--list", f"v{version}"):
        yield f"the tag v{version} exists: choose another version"
    try:
        if number(version) <= number(current(root)):
            yield f"{version} is not greater than {current(root)}: choose a greater version"
    except ValueError as error:
        yield str(error)
    _, _, news = (root / "CHANGELOG.md").read_text().partition(UNRELEASED)
    if not re.match(r"\s*### \w+\n+- ", news):
        yield "CHANGELOG.md has no news below Unreleased: write a heading and a list"
    with tempfile.TemporaryDirectory() as directory:
        archives = root / ARCHIVES.relative_to(ROOT)
        released = [unpack(each, Path(directory, each), archives) for each in versions(archives)]
        for note in notes.read(root).get("unreleased", []):
            yield from (f"{notes.UNRELEASED}: {each}" for each in notes.problems(note, released))


def write(root: Path, version: str, today: datetime.date) -> None:
    """Write the files of a release, and the archive last."""
    project = root / "pyproject.toml"
    line = f'version = "{version}"'
    project.write_text(re.sub(r'^version = ".*"$', line, project.read_text(), flags=re.MULTILINE))
    changelog = root / "CHANGELOG.md"
    heading = f"{UNRELEASED}\n## [{version}] - {today}\n"
    changelog.write_text(changelog.read_text().replace(UNRELEASED, heading, 1))
    note, unreleased = root / notes.RELEASED / f"{version}.toml", root / notes.UNRELEASED
    note.parent.mkdir(exist_ok=True)
    text = unreleased.read_text() if unreleased.exists() else "# This version has no notes.\n"
    unreleased.unlink(missing_ok=True)
    note.write_text(text)
    _git(root, "add", "--all")
    archive = root / ARCHIVES.relative_to(ROOT) / f"{version}{SUFFIX}"
    archive.parent.mkdir(exist_ok=True)
    archive.write_bytes(pack(root))


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Check, write, commit and tag a release, or print the reasons why it cannot be released."""
    parser = argparse.ArgumentParser(prog="just release", description="Release a version.")
    parser.add_argument("version", help="three numbers, such as 0.1.0")
    version = parser.parse_args().version
    if reasons := [*problems(ROOT, version)]:
        sys.exit("\n".join(f"release: {reason}." for reason in reasons))
    rules = [sys.executable, "-m", "pytest", "-q", *RULES]
    environment = os.environ | {"PROOFS": "full"}  # with every earlier version, and not a sample
    if subprocess.run(rules, cwd=ROOT, env=environment, check=False).returncode != 0:
        sys.exit("release: a rule between versions is broken: see the tests that failed above.")
    write(ROOT, version, datetime.datetime.now(datetime.UTC).date())
    _git(ROOT, "add", "--all")
    _git(ROOT, "commit", "--quiet", "--message", f"Release {version}")
    _git(ROOT, "tag", "--annotate", "--message", f"Release {version}", f"v{version}")
    print(f"Released {version}. Push it with `git push --follow-tags`.")


if __name__ == "__main__":
    main()
