"""Find problems in the Python of a revision. The file is read, and not run."""

import ast
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args

from ..dialect import dialect
from ..phases import Phase

CHANGED = "applied-revision-changed"
_COMMITS = re.compile(r"\w+_concurrently|backfill|autocommit_block")
_ONCE = re.compile(r"(add|create|drop|rename|bulk)_(?!table_comment)\w+|execute")
_REPEATABLE = re.compile(
    r"if_(not_)?exists=True|\bIF (NOT )?EXISTS\b|\bOR REPLACE\b", re.IGNORECASE
)

Problems = Iterator[tuple[int | None, str, str]]
"""The line, the rule and a sentence."""


class Finding(NamedTuple):
    """A problem of a revision, and what to do about it."""

    file: Path
    line: int | None
    rule: str
    sentence: str

    def __str__(self) -> str:
        """Return it as one line."""
        place = f"{os.path.relpath(self.file)}:{self.line or ''}".removesuffix(":")
        return f"{place}: {self.rule}: {self.sentence}"


class Source:
    """The file of a revision."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text, path.name)
        self.values: dict[str, Any] = {}
        functions: dict[str, list[ast.stmt]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions[node.name] = node.body
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                with suppress(ValueError):
                    self.values[ast.unparse(target)] = ast.literal_eval(node.value)
        self.upgrade, self.downgrade = functions.get("upgrade", []), functions.get("downgrade", [])
        ignore = self.values.get("ignore")
        reasons = ignore if isinstance(ignore, dict) else {}
        self.reasons = {rule: str(why).strip() for rule, why in reasons.items()}

    def waive(self, found: list[tuple[int | None, str, str]]) -> Iterator[Finding]:
        """Leave out the problems that the revision gives a reason for."""
        rules = {rule for _, rule, _ in found} | {CHANGED}
        for rule, why in self.reasons.items():
            if not why:
                yield Finding(self.path, None, "ignore", f"give a reason for {rule}")
            elif rule not in rules:
                sentence = f"{rule} finds nothing here: remove it, or correct its name"
                yield Finding(self.path, None, "ignore", sentence)
        for line, rule, sentence in found:
            if not self.reasons.get(rule):
                yield Finding(self.path, line, rule, sentence)

    def judge(self) -> Problems:
        """Yield the problems that the Python shows."""
        phase = self.values.get("phase")
        if phase not in get_args(Phase):
            sentence = 'write phase = "expand" if the running code survives it, else "contract"'
            yield None, "unknown-phase", sentence
        undone = _acts(self.downgrade) or self.values.get("irreversible")
        if _acts(self.upgrade) and not undone:
            sentence = 'write downgrade(), or irreversible = "why it cannot be taken back"'
            yield None, "no-downgrade", sentence
        for node in ast.walk(self.tree):
            yield from _judge_python(node)
        yield from _judge_commits(_calls(self.upgrade))
        yield from _judge_commits(_calls(self.downgrade))
        for name, call in _calls(self.upgrade):
            if name == "set_not_null_concurrently" and phase == "expand":
                sentence = "the running code may write NULL: do it in the phase contract"
                yield call.lineno, "too-early", sentence

    def widened(self) -> Iterator[str]:
        """Yield the end of each statement that only widens a type, which costs nothing.

        The SQL does not show this, because it does not have the old type.
        """
        for name, call in _calls(self.upgrade):
            options = {each.arg: each.value for each in call.keywords}
            before, after = _type(options.get("existing_type")), _type(options.get("type_"))
            if name == "alter_column" and len(call.args) == 2 and dialect.widens(before, after):
                table, column = (ast.unparse(each).strip("'") for each in call.args)
                yield f" {table} alter column {column} type {after.lower()}"


def _calls(body: list[ast.stmt]) -> list[tuple[str, ast.Call]]:
    nodes = [node for part in body for node in ast.walk(part)]
    return [(_name(node), node) for node in nodes if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _acts(body: list[ast.stmt]) -> bool:
    """Return whether there is something to take back. New values of a column do not count."""
    idle = r"pass|return.*|raise.*|['\"].*|op\.backfill\(.*"
    return not all(re.fullmatch(idle, ast.unparse(node), re.DOTALL) for node in body)


def _judge_python(node: ast.AST) -> Problems:
    line, names = getattr(node, "lineno", None), []
    if isinstance(node, ast.Import):
        names = [each.name for each in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = ["." * node.level + (node.module or "")]
    for name in names:
        if name.partition(".")[0] not in {"alembic", "sqlalchemy", *sys.stdlib_module_names}:
            sentence = f"revisions run for years, and {name} will change: copy what it needs"
            yield line, "application-import", sentence
    if "asyncio" in names or isinstance(node, ast.AsyncFunctionDef):
        sentence = "Alembic awaits nothing, and has its own loop: write `def`, and call op.…()"
        yield line, "async-code", sentence


def _judge_commits(calls: list[tuple[str, ast.Call]]) -> Problems:
    last = max((call.lineno for name, call in calls if _COMMITS.fullmatch(name)), default=0)
    for name, call in calls:
        once = _ONCE.fullmatch(name) and not _COMMITS.fullmatch(name)
        if once and call.lineno < last and not _REPEATABLE.search(ast.unparse(call)):
            sentence = (
                f"line {last} commits this, so a second try would fail here: write "
                f"if_exists=True or if_not_exists=True, or move op.{name}() to another revision"
            )
            yield call.lineno, "not-repeatable", sentence


def _type(node: ast.expr | None) -> str:
    """Return the SQL of a simple type such as `sa.String(length=50)`, or the empty string."""
    if not isinstance(node, ast.Call):
        return ""
    numbers = [ast.unparse(each) for each in (*node.args, *(word.value for word in node.keywords))]
    name = _name(node).upper().replace("STRING", "VARCHAR")
    return f"{name}({', '.join(numbers)})" if numbers else name
