"""Write the table of docs/questions.md from copier.yml. `just fix` does it.

The questions, their order, whether Copier asks them, and their defaults come from copier.yml. Prose stays as it
is: a default that Copier computes, and what an answer changes. A new question begins with its help.
"""

import re
from collections.abc import Mapping
from typing import Any

from tests.helpers import QUESTIONS, ROOT

DOCUMENT = ROOT / "docs/questions.md"
ROW = re.compile(r"^\| `(\w+)` \|[^|\n]*\|([^|\n]*)\|([^|\n]*)\|\n", re.MULTILINE)


def write(document: str, questions: Mapping[str, dict[str, Any]]) -> str:
    """Return a document with the rows of these questions."""
    prose = {name: (default.strip(), text.strip()) for name, default, text in ROW.findall(document)}
    head, *_ = ROW.split(document, maxsplit=1)
    rows = [
        _row(name, question, *prose.get(name, ("", question["help"])))
        for name, question in questions.items()
    ]
    return head + "".join(rows) + ROW.sub("", document.removeprefix(head))


def _row(name: str, question: dict[str, Any], default: str, text: str) -> str:
    match question["default"]:
        case bool(value):
            default = "yes" if value else "no"
        case str(value) if value and "{{" not in value and " " not in value:
            default = f"`{value}`"
    asked = "yes" if question.get("ask", True) else "no"
    return f"| `{name}` | {asked} | {default} | {text} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(write(DOCUMENT.read_text(), QUESTIONS))
