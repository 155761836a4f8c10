"""The sources of a released version in one small file, `tests/releases/0.1.0.tar.xz`.

Tests update projects from each released version. A checkout may have no tags, so an archive keeps the
sources of each version. It has only the files that Copier reads. The same sources give the same bytes.
"""

import io
import lzma
import subprocess
import tarfile
from pathlib import Path

from tests.helpers import ROOT, SOURCES

ARCHIVES = ROOT / "tests/releases"
SUFFIX = ".tar.xz"


def number(version: str) -> tuple[int, ...]:
    """Return a version as numbers, which can be compared.

    Raises:
        ValueError: the version is not three numbers, such as 0.1.0.
    """
    numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
    if len(numbers) != 3 or version != ".".join(map(str, numbers)):
        raise ValueError(f"{version} is not a version: write three numbers, such as 0.1.0")
    return numbers


def versions(archives: Path = ARCHIVES) -> list[str]:
    """Return the released versions, the oldest first."""
    names = [path.name.removesuffix(SUFFIX) for path in archives.glob(f"*{SUFFIX}")]
    return sorted(names, key=number)


def pack(root: Path) -> bytes:
    """Return an archive of the sources in `root` that git knows."""
    command = ["git", "ls-files", "-z", "--", *SOURCES]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted(listed.split("\0")[:-1]):
            content = (root / name).read_bytes()
            entry = tarfile.TarInfo(name)  # without times and owners
            entry.size = len(content)
            entry.mode = 0o755 if (root / name).stat().st_mode & 0o100 else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return lzma.compress(buffer.getvalue(), preset=9)


def unpack(version: str, directory: Path, archives: Path = ARCHIVES) -> Path:
    """Write the sources of a version into a directory, and return it."""
    with tarfile.open(archives / f"{version}{SUFFIX}") as archive:
        archive.extractall(directory, filter="data")
    return directory
