"""Merge the changes of two sides to one text."""

import subprocess
import tempfile
from pathlib import Path

from .project import PortError


def merge(ours: str, base: str, theirs: str) -> str:
    """Return a text with the changes of both sides.

    Raises:
        PortError: both sides changed the same lines.
    """
    if ours in (base, theirs):
        return theirs
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory, name) for name in ("ours", "base", "theirs")]
        for file, text in zip(files, (ours, base, theirs), strict=True):
            file.write_bytes(text.encode())
        command = ["git", "merge-file", "--stdout", *map(str, files)]
        merged = subprocess.run(command, check=False, capture_output=True)
    if merged.returncode != 0:
        raise PortError("the template has changed the same lines since it rendered the project")
    return merged.stdout.decode()
