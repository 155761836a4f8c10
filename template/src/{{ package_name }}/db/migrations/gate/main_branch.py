"""The revisions that the main branch has, as git knows them.

The main branch is the first of these that exists: `origin/HEAD`, `origin/main`, `origin/master`, `main`,
`master`. A revision counts as the main branch's if it was there when this branch left it. So a commit
on the main branch itself is judged before it is made, and not afterwards. Without a main branch, or
without git, all revisions are new.
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
    """Return what git says; nothing where it is not installed, or has nothing to say."""
    if (git := shutil.which("git")) is None:
        return ""
    return subprocess.run(  # noqa: S603  # an installed program, and no shell
        [git, "-C", directory, *arguments], capture_output=True, encoding="utf-8", check=False
    ).stdout
