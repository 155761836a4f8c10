"""Four type checkers accept the calls of the data layer, and refuse wrong ones."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers import Render
from tests.matrix import PROGRAMS, Matrix
from tests.typed_calls import ACCEPTED, MODELS, REFUSED

pytestmark = pytest.mark.slow

CHECKERS = {
    "mypy": ["mypy", "--strict", "--python-executable"],
    "pyright": ["pyright", "--pythonpath"],
    "pyrefly": ["pyrefly", "check", "--output-format=min-text", "--python-interpreter-path"],
    "ty": ["ty", "check", "--output-format=concise", "--python"],
}

# This ty does not know the names of `**how: Unpack[Reading]`.
UNSEEN = {"ty": {"a misspelt argument", "a misspelt argument of a page"}}


def check(checker: str, project: Path, python: Path, text: str) -> str:
    (project / "src/calls.py").write_text(text)
    command = [*CHECKERS[checker], str(python), "src/calls.py"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


@pytest.mark.requires("node")
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_type_checker_knows_the_calls(
    matrix: Matrix, render: Render, tmp_path: Path, checker: str
) -> None:
    project = render(tmp_path / "shop", web_framework="none")
    python = matrix.environment(PROGRAMS[0]) / "bin/python"

    accepted = check(checker, project, python, MODELS + ACCEPTED)
    assert not re.findall(r"calls\.py:\d+.*", accepted), accepted

    head = f"{MODELS}\n\nasync def wrong(work: Work, key: uuid.UUID) -> None:\n"
    first = len(head.splitlines()) + 1
    body = "".join(f"    {call}\n" for call in REFUSED.values())
    found = check(checker, project, python, head + body)
    lines = {int(line) - first for line in re.findall(r"calls\.py:(\d+)", found)}
    refused = {name for number, name in enumerate(REFUSED) if number in lines}
    assert refused == {*REFUSED} - UNSEEN.get(checker, set()), found
    assert lines <= {*range(len(REFUSED))}, found
