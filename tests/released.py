"""The released versions of the template, from the archives in tests/releases/.

Tests work with any number of releases. Before the first release, the work tree is its own predecessor.
"""

from pathlib import Path

from maintenance.archive import ARCHIVES, unpack, versions
from tests.helpers import ROOT, commit, git, snapshot

# The version of the work tree, and the version of sources that a test changes.
PRESENT, FUTURE = "v1000.0.0", "v1001.0.0"
FIRST = "0.0.1"


def predecessors(archives: Path = ARCHIVES) -> list[str]:
    """Return the versions from which a project can be updated, the newest first."""
    return versions(archives)[::-1] or [FIRST]


def sources(version: str, directory: Path, archives: Path = ARCHIVES) -> Path:
    """Write the sources of a version into a directory, and return it."""
    directory.mkdir(parents=True, exist_ok=True)
    if version in versions(archives):
        return unpack(version, directory, archives)
    return snapshot(directory)


def repository(directory: Path, archives: Path = ARCHIVES, root: Path = ROOT) -> Path:
    """Make a repository with a tag for each version. The last tag is for the work tree."""
    directory.mkdir(parents=True)
    git(directory, "init", "--quiet", "--initial-branch=main")
    for version in reversed(predecessors(archives)):
        clear(directory)
        sources(version, directory, archives)
        commit(directory, version)
        git(directory, "tag", f"v{version}")
    clear(directory)
    snapshot(directory, root)
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", PRESENT)
    git(directory, "tag", PRESENT)
    return directory


def clear(directory: Path) -> None:
    """Delete the files of a repository."""
    git(directory, "rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".")
