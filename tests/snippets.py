"""The snippets of the documents: their blocks of Python, SQL and shell.

A snippet that no test runs has a comment before it, with the reason: `<!-- not run: … -->`. A module of tests
has a list `RUN` of the snippets that it runs. `test_snippets.py` compares the two.
"""

import re
from textwrap import dedent
from typing import NamedTuple

from tests.helpers import ROOT

BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- not run: (?P<reason>[^\n]+) -->\n\s*)?```(?P<language>\w+)\n"
    r"(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
LANGUAGES = {"python", "sql", "sh", "bash", "console"}


class Snippet(NamedTuple):
    """A block of code, and the reason why no test runs it.

    Attributes:
        document: the path of the document, relative to the repository.
        line: the first line of the block.
    """

    document: str
    line: int
    language: str
    code: str
    reason: str | None


def snippets(document: str, language: str = "") -> list[Snippet]:
    """Return the snippets of a document, in their order."""
    text = (ROOT / document).read_text()
    return [
        Snippet(
            document,
            text.count("\n", 0, block.start("language")) + 1,
            block["language"],
            dedent(block["code"]),
            block["reason"],
        )
        for block in BLOCK.finditer(text)
        if block["language"] in ({language} if language else LANGUAGES)
    ]


def snippet(document: str, words: str) -> Snippet:
    """Return the only snippet of a document that contains some words."""
    [found] = [each for each in snippets(document) if words in each.code]
    return found


def files(document: str) -> dict[str, Snippet]:
    """Return the snippets that are whole files, by the path in the line above."""
    lines = (ROOT / document).read_text().splitlines()
    above = {each: re.fullmatch(r"`(\S+)`:", lines[each.line - 3]) for each in snippets(document)}
    return {path[1]: each for each, path in above.items() if path}


def documents() -> list[str]:
    """Return the documents that people read: of this repository, and of a project."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names = sorted(str(path.relative_to(ROOT)) for path in paths)
    return [*names, "template/README.md.jinja"]
