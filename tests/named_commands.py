"""The commands that documents, messages and justfiles name."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.helpers import CONFIG, ROOT

PROGRAMS = r"(?:(?:alembic|uvx?|copier|dev|python3|git|psql)(?= \S)|(?:dev )?just(?= |$))"

# In these files `just` means the recipes of this repository, and not of a rendered project.
OURS = [
    "CONTRIBUTING.md",
    "justfile",
    *(f"docs/{name}.md" for name in ("comparison", "contributing", "mutants", "performance")),
]


def named_commands() -> dict[str, set[str]]:
    """Return the forms of all commands, with the files that name them."""
    places: dict[str, set[str]] = {}
    for path in texts():
        place = path.relative_to(ROOT).as_posix()
        for command in commands(path.read_text()):
            places.setdefault(form(command, ours=place in OURS), set()).add(place)
    for message in ("_message_after_copy", "_message_after_update"):
        for command in in_shell(CONFIG[message]):
            places.setdefault(form(command), set()).add("copier.yml")
    for place in ("justfile", "template/justfile.jinja"):
        for recipe in recipes((ROOT / place).read_text()):
            command = f"just {recipe}"
            places.setdefault(form(command, ours=place in OURS), set()).add(place)
    return places


def texts() -> Iterator[Path]:
    """Return the files that people read, or whose messages they read."""
    yield from ROOT.glob("*.md")
    yield from (ROOT / "docs").rglob("*.md")
    yield ROOT / "justfile"
    yield ROOT / "copier.yml"
    yield from (ROOT / "maintenance").glob("unreleased.toml")  # a release moves it
    for path in (ROOT / "template").rglob("*"):
        if path.is_file() and not {"__pycache__", ".ruff_cache"} & set(path.parts):
            yield path


def commands(text: str) -> Iterator[str]:
    """Return the commands in the `sh` blocks of a text, and between backticks."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from in_shell(block)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for code in re.findall(r"`{1,2}([^`]+)`{1,2}", prose):
        if re.match(PROGRAMS, code):
            yield " ".join(code.split())


def in_shell(script: str) -> Iterator[str]:
    """Return the commands in the lines of a script."""
    for line in re.sub(r"\s+#.*", "", script).splitlines():
        for command in line.strip().split(" && "):
            if re.match(rf"(?:[A-Z_]+=\S+ )*{PROGRAMS}", command):
                yield command


def recipes(justfile: str) -> list[str]:
    """Return the names of the recipes that people call."""
    names = re.findall(r"^([a-z-]+)(?: [^:\n]*)?:(?!=)", justfile, re.MULTILINE)
    return [name for name in names if name != "default"]


def form(command: str, ours: bool = False) -> str:
    """Return a command without its arguments: `just revision "a"` becomes `just revision`.

    Programs, subcommands and names of options stay. Recipes of this repository begin with `dev`, as
    in CONTRIBUTING.md.
    """
    command = re.sub(r"^(?:[A-Z_]+=\S+ )*", "", command).partition(" > ")[0]
    command = re.sub(
        r"^uv run (?:--isolated --no-project --with-requirements \S+ )(?=just)", "dev ", command
    )
    command = re.sub(r"^uv run (?:--directory \S+ |--quiet )?(?=\w)", "", command)
    command = re.sub(r"^uvx (?=copier|prek)", "", command)
    if ours and command.startswith("just"):
        command = f"dev {command}"
    words = re.sub(r"\"[^\"]*\"|'[^']*'", "", command).split()
    return " ".join(word for word in words if re.fullmatch(r"-?-?[a-z][a-z0-9_-]*|-1|\+1", word))
