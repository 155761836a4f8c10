"""The notes of a version. They say what it means for a project, and projects read them after an update.

A released version has them in `template/tools/releases/0.2.0.toml`. The next version has them in
`maintenance/unreleased.toml`, which `just release` moves. A note is a table `[[notes]]`:

| key | |
|---|---|
| `what` | one sentence: what is new. It begins with `Security: ` if that is so |
| `do` | one sentence: what people do, and which setting restores the old behaviour |
| `answers` | lines of the answers file. The note is for projects that have one of them |
| `words` | names or settings that are gone. A file of the project that has one shows that the note matters |
| `files` | files of the template that moved or are gone, each with the git blobs that releases had |
| `seeds` | files of the project that look different in new projects |
| `revision` | a name that the project's revisions must have |
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.helpers import CONFIG, ROOT

RELEASED = "template/tools/releases"
UNRELEASED = "maintenance/unreleased.toml"
SECURITY = "Security: "
LONGEST = 30

KEYS = {
    **dict.fromkeys(("what", "do", "revision"), str),
    **dict.fromkeys(("answers", "words", "seeds"), list),
    "files": dict,
}

Note = dict[str, Any]


def read(root: Path = ROOT) -> dict[str, list[Note]]:
    """Return the notes by version. The notes of the next version have the key `unreleased`."""
    files = [*(root / RELEASED).glob("*.toml"), root / UNRELEASED]
    return {
        path.stem: tomllib.loads(path.read_text()).get("notes", [])
        for path in files
        if path.exists()
    }


def problems(note: Note, released: list[Path]) -> Iterator[str]:
    """Yield a sentence for each mistake in a note.

    Args:
        note: The note.
        released: The directories with the sources of the versions before it.
    """
    for key in sorted(note.keys() - KEYS.keys()):
        yield f"{key} is not a key of a note"
    for key, kind in KEYS.items():
        if not isinstance(note.get(key, kind()), kind):
            yield f"{key} is not a {kind.__name__}"
            return
    for key in ("what", "do"):
        text = note.get(key, "")
        if not text.endswith(".") or len(text.split()) > LONGEST:
            yield f"{key}: write a sentence of at most {LONGEST} words, with a full stop"
    for answer in note.get("answers", []):
        if answer not in possible_answers():
            yield f"no question has the answer {answer!r}"
    for word in note.get("words", []):
        if not re.fullmatch(r"\w+", word):
            yield f"{word!r} is not a word"
    said = f"{note.get('what')} {note.get('do')}"
    for name, listed in note.get("files", {}).items():
        if Path(name).name not in said:
            yield f"the sentences do not name {name}"
        if listed != (expected := blobs(name, released)):
            yield f"the releases had other contents of {name}: write {expected}"


def possible_answers() -> set[str]:
    """Return the lines that an answers file can have, for the questions with choices."""
    lines = set()
    for name, question in CONFIG.items():
        if isinstance(question, dict) and "type" in question:
            choices = question.get("choices", [])
            values = choices.values() if isinstance(choices, dict) else choices
            lines |= {f"{name}: {value}" for value in values}
            if question["type"] == "bool":
                lines |= {f"{name}: true", f"{name}: false"}
    return lines


def blobs(name: str, released: list[Path]) -> list[str]:
    """Return git's names of the contents that releases had for a file.

    The list is empty for a file that Jinja renders. Then each project with the file counts as edited.
    """
    name = name.replace("<package>", "{{ package_name }}")
    files = [directory / "template" / name for directory in released]
    return list(dict.fromkeys(blob(path.read_bytes()) for path in files if path.exists()))


def blob(content: bytes) -> str:
    """Return git's name of a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # git uses SHA-1
