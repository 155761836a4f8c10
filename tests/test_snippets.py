"""A test runs each snippet of the documents, or a comment above the snippet says why not."""

import importlib
import re
from collections import Counter
from functools import cache

import pytest

from tests.helpers import ROOT, Record
from tests.named_commands import OURS, form, in_shell
from tests.snippets import Snippet, documents, snippets
from tests.test_named_commands import RUN_BY

# Lines of a shell that need no test.
TRIVIAL = ("cd ", "export ", "#", "alias ", "pip install uv")


@cache
def run_by_tests() -> Counter[Snippet]:
    """Return the snippets that the tests run word for word, and how many modules run each."""
    modules = [
        path
        for path in (ROOT / "tests").glob("test_*.py")
        if re.search(r"\bRUN = ", path.read_text())
    ]
    return Counter(
        each for path in modules for each in importlib.import_module(f"tests.{path.stem}").RUN
    )


def has_tested_commands(snippet: Snippet) -> bool:
    """Return whether each line of a shell is a command that a test runs."""
    if snippet.language != "sh":
        return False
    lines = [line for line in snippet.code.splitlines() if line.strip()]
    return all(
        line.strip().startswith(TRIVIAL) or line.startswith("{%") or is_tested(line, snippet)
        for line in lines
    )


def is_tested(line: str, snippet: Snippet) -> bool:
    found = [*in_shell(re.sub(r"^\w+=\$\((.*?)\)", r"\1", line))]
    return bool(found) and all(
        form(command, ours=snippet.document in OURS) in RUN_BY for command in found
    )


def state(snippet: Snippet) -> str:
    if snippet in run_by_tests():
        return "run"
    return "commands" if has_tested_commands(snippet) else "neither"


@pytest.mark.parametrize("document", documents())
def test_each_snippet_is_run_or_has_a_reason(document: str) -> None:
    for each in snippets(document):
        place = f"{each.document}:{each.line}"
        if each.reason is None:
            assert state(each) != "neither", f"{place}: run it, or write <!-- not run: reason -->"
        else:
            assert len(each.reason) > 10, f"{place}: write the reason"
            assert state(each) == "neither", f"{place}: a test runs it, so remove the comment"


def test_the_numbers_of_snippets(record_property: Record) -> None:
    every = [each for document in documents() for each in snippets(document)]
    counts = Counter("not run" if each.reason else state(each) for each in every)

    assert counts["run"] > 80
    record_property("snippets", ", ".join(f"{counts[name]} {name}" for name in sorted(counts)))
