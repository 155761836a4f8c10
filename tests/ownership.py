"""The owner of each file of a project. Each rendered file has exactly one class.

| class | files | an update |
|---|---|---|
| owned | the directories `db`, `tools` and `.agents`, and Copier's answers | renews them |
| shared | divided by a line "# Yours." | renews the part above the line |
| frozen | `LICENSE` | adds or removes it with the answer; it never changes after a release |
| seed | the files of the lists in `includes/` | does not change them |
"""

from pathlib import Path

import yaml
from pathspec import PathSpec

from tests.helpers import ROOT

ZONES = {"# Yours.", "// Yours."}
SEEDS: list[str] = [
    pattern
    for name in ("seeds.yml", "example.yml")
    for pattern in yaml.safe_load((ROOT / "includes" / name).read_text())
]
PATTERNS = {
    "owned": ["/.agents", "/.copier-answers.yml", "/src/*/db", "/tests/db", "/tools"],
    "frozen": ["/LICENSE"],
    "seed": SEEDS,
}


def files(project: Path) -> list[str]:
    """Return the files of a rendered project, relative to it."""
    return [path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()]


def classes(project: Path, name: str) -> list[str]:
    """Return the classes of a file. A file that the template rendered has one."""
    found = [each for each, patterns in PATTERNS.items() if matches(patterns, name)]
    lines = {line.strip() for line in (project / name).read_text().splitlines()}
    return [*found, "shared"] if ZONES & lines else found


def matches(patterns: list[str], name: str) -> bool:
    """Return whether a pattern of .gitignore matches a file."""
    return PathSpec.from_lines("gitignore", patterns).match_file(name)
