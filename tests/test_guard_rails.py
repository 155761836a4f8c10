"""Bad code in a project is refused by one sentence, and good code that looks like it is not.

`guard_rails.toml` has the code. All of it goes into one project, and each check runs once.
"""

import json
import re
import shlex
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import NO_DOCKER, ROOT, Render, attempt, run

RULES: list[dict[str, Any]] = tomllib.loads((ROOT / "tests/guard_rails.toml").read_text())["rules"]
PATTERNS: dict[str, dict[str, Any]] = {
    rule["id"]: rule
    for rule in yaml.safe_load_all((ROOT / "template/tests/db/guard_rails.yml").read_text())
}
DOCUMENT = ROOT / "docs/guard-rails.md"
OTHERS = {  # the checks that are not in guard_rails.yml, and the command that runs each of them
    "DTZ": "just lint",
    "test_conventions.py": "just test",
    "import-linter": "just imports",
}

MODELS = """\
import datetime
import typing
from typing import TYPE_CHECKING, Any, Optional, Union

from sqlalchemy import TIMESTAMP, DateTime, ForeignKey, Index, func, orm, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Key, PrimaryKey

if TYPE_CHECKING:
    from .user import User
"""


@dataclass(frozen=True)
class Case:
    """A snippet of a rule. `name` is the name of its module, or of its table."""

    name: str
    rule: dict[str, Any]
    bad: bool
    code: str


CASES = [
    Case(f"case{number}", rule, kind == "bad", code.strip("\n").replace("TABLE", f"case{number}"))
    for number, (rule, kind, code) in enumerate(
        (rule, kind, code) for rule in RULES for kind in ("bad", "good") for code in rule[kind]
    )
]


def cases(*checks: str) -> list[Case]:
    return [case for case in CASES if case.rule["by"] in checks]


@pytest.fixture(scope="module")
def found(render: Render, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the checks of a project say about each case that they refuse."""
    project = render(tmp_path_factory.mktemp("rails") / "shop")
    run(["uv", "sync", "--quiet"], project)
    package = project / "src/shop"
    (package / "models/cases.py").write_text(
        MODELS + "".join(map(model, cases("test_conventions.py")))
    )
    with (package / "models/__init__.py").open("a") as file:
        file.write("\nfrom . import cases as cases\n")
    for case in cases("DTZ", "import-linter", *PATTERNS):
        room = package / case.rule.get("room", "entrypoints")
        (room / f"{case.name}.py").write_text(case.code + "\n")
    sentences: dict[str, list[str]] = {}
    for name, sentence in [*linted(project), *conventions(project), *imports(project)]:
        sentences.setdefault(name, []).append(sentence)
    return sentences


def model(case: Case) -> str:
    head = f'\n\nclass {case.name.title()}(PrimaryKey, Base):\n    __tablename__ = "{case.name}"\n'
    return head + textwrap.indent(case.code, "    ") + "\n"


def linted(project: Path) -> Iterator[tuple[str, str]]:
    """Run the commands of `just lint`, and let them print JSON."""
    recipe = (project / "justfile").read_text().partition("\nlint:\n")[2].partition("\n\n")[0]
    ruff, ast_grep = (shlex.split(line) for line in recipe.splitlines())
    for each in json.loads(attempt([*ruff, "--quiet", "--output-format=json"], project).stdout):
        if re.match(r"DTZ|S608", each["code"] or ""):
            yield Path(each["filename"]).stem, f"{each['code']}: {each['message']}"
    for each in json.loads(attempt([*ast_grep, "--json=compact"], project).stdout.splitlines()[0]):
        yield Path(each["file"]).stem, f"{each['ruleId']}: {each['message']}"


def conventions(project: Path) -> Iterator[tuple[str, str]]:
    command = ["uv", "run", "pytest", "-q", "tests/db/test_conventions.py"]
    for line in attempt(command, project, **NO_DOCKER).stdout.splitlines():
        if line.startswith("E ") and (place := re.search(r"(?i)(?:\b|_)(case\d+)(?=\b|_)", line)):
            yield place[1].lower(), f"test_conventions.py: {line[1:].strip()}"


def imports(project: Path) -> Iterator[tuple[str, str]]:
    output = attempt(["uv", "run", "just", "imports"], project).stdout
    [broken] = re.findall(r"(?m)^(Imports point one way: .*?) BROKEN$", output)
    for name in re.findall(r"shop\.db\.(case\d+) -> shop\.\w+", output):
        yield name, f"import-linter: {broken}"


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_code_is_refused_by_one_sentence_and_good_code_is_not(
    found: dict[str, list[str]], case: Case
) -> None:
    sentences = found.get(case.name, [])

    if case.bad:
        own = [each for each in sentences if each.startswith(case.rule["by"])]
        assert own, (case.code, sentences)
        if case.rule["by"] != "DTZ" or case.code == case.rule["bad"][0].strip("\n"):
            assert sentence(case.rule) in own[0]
    else:
        assert sentences == [], case.code


def sentence(rule: dict[str, Any]) -> str:
    return str(rule.get("sentence") or PATTERNS[rule["by"]]["message"])


def test_each_pattern_has_cases() -> None:
    assert {rule["by"] for rule in RULES} == PATTERNS.keys() | OTHERS.keys()


def test_the_document_has_the_table_and_the_counts() -> None:
    rows = [
        f"| {rule['rule']} | `{shown(rule['bad'][0])}` | {command(rule)} | {sentence(rule)} |"
        for rule in RULES
    ]
    bad = sum(case.bad for case in CASES)

    assert "\n".join(rows) in DOCUMENT.read_text()
    assert f"writes {bad} snippets of bad code" in DOCUMENT.read_text()
    assert f"writes\n{len(CASES) - bad} snippets that look like bad code" in DOCUMENT.read_text()


def shown(code: str) -> str:
    """Return the last line of a snippet, and the lines that begin its blocks."""
    *before, last = (line.strip() for line in code.strip().splitlines())
    return " ".join([*(line for line in before if line.endswith(":")), last])


def command(rule: dict[str, Any]) -> str:
    return f"`{OTHERS.get(rule['by'], 'just lint')}`"
