"""The notes of a version. After an update, `just updated` prints those that concern the project.

The notes of a released version are in a file such as `template/tools/releases/0.2.0.toml`. The notes of
the next version are in `maintenance/unreleased.toml`, and `just release` moves them. A note is a table
`[[notes]]`:

| key | |
|---|---|
| `what` | one sentence about the change. The note about a fix of a vulnerability begins with `Security: ` |
| `do` | one sentence: what people must do, and which setting restores the old behaviour |
| `answers` | lines of the answers file. The note concerns projects that have one of these lines |
| `words` | names or settings that are gone. The note concerns projects that use one of them |
| `files` | files of the template that moved or are gone, each with the git blobs of its released contents |
| `seeds` | files of the project that are different in new projects |
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
        released: The directories with the sources of the earlier versions.
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
    """Return each line that an answers file can have for a question with choices, or with yes and no."""
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
    """Return the git blobs of a file's contents in the releases.

    The list is empty if Jinja renders the file. Then the file counts as edited in every project.
    """
    name = name.replace("<package>", "{{ package_name }}")
    files = [directory / "template" / name for directory in released]
    return list(dict.fromkeys(blob(path.read_bytes()) for path in files if path.exists()))


def blob(content: bytes) -> str:
    """Return the name of the git blob with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # git uses SHA-1
