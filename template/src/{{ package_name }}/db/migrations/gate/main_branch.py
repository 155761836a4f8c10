"""The revisions of the main branch, as git has them.

The main branch is the first of these that exists: `origin/HEAD`, `origin/main`, `origin/master`,
`main`, `master`. A revision belongs to the main branch if it existed there when the current branch
was created. On the main branch itself, a revision is judged until it is committed. Without a main
branch, or without git, all revisions are new.
"""

import re
import shutil
import subprocess
from pathlib import Path

_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def read_applied_revisions(directory: Path) -> dict[str, str]:
    """Return the text of each revision of the main branch, by the name of its file."""
    for branch in _BRANCHES:
        if base := _git(directory, "merge-base", "HEAD", branch).strip():
            names = _git(directory, "ls-tree", "-z", "--name-only", base).split("\0")
            ours = [name for name in names if re.fullmatch(r"[^_].*\.py", name)]
            return {name: _git(directory, "show", f"{base}:./{name}") for name in ours}
    return {}


def _git(directory: Path, *arguments: str) -> str:
    """Return the output of git, or the empty string if git fails or is not installed."""
    if (git := shutil.which("git")) is None:
        return ""
    return subprocess.run(  # noqa: S603  # an installed program, without a shell
        [git, "-C", directory, *arguments], capture_output=True, encoding="utf-8", check=False
    ).stdout
