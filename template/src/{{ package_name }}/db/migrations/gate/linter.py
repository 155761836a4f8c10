"""Whether new revisions can be deployed: `just revisions`, a part of `just check`.

Each revision that the main branch does not have is judged by itself: its SQL as `squawk.py` says, and
what SQL does not tell by its source. The rules are squawk's, and these:

============================  ========================================================================
`unknown-phase`               it is neither `expand` nor `contract`
`too-early`                   SET NOT NULL in `expand`, while code runs that may write NULL
`no-downgrade`                it has none, and no `irreversible = "why"`
`not-repeatable`              it cannot be run again, though one of its operations commits
`data-change`                 rows are changed all at once, and not by `op.backfill()`
`row-security-dropped`        everybody sees all rows
`table-locked`                a statement keeps everybody out of a table for as long as it lasts
`application-import`          it depends on code that will change
`async-code`                  it awaits, and Alembic does not
`applied-revision-changed`    one of the main branch does something else, or is gone
`not-sql`                     it asks the database what to do, so nobody can tell what that is
============================  ========================================================================

A revision that has to break a rule says why::

    ignore = {"data-change": "a table of ten rows"}

The main branch is `origin/HEAD`, `main` or `master`, where this branch left it; what is pushed to it
without a branch is judged before the commit only. Without one, or without git, all revisions are new.
For one that is gone any other may give the reason. What a downgrade
does is not judged, since no deploy runs it.
"""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple, get_args

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ..authoring.table_rewrites import widens
from ..phases import Phase
from .squawk import judge

_COMMITS = re.compile(r"\w+_concurrently|backfill|autocommit_block")
_ONCE = re.compile(r"(add|create|drop|rename|bulk)_(?!table_comment)\w+|execute")
_REPEATABLE = re.compile(
    r"if_(not_)?exists=True|\bIF (NOT )?EXISTS\b|\bOR REPLACE\b", re.IGNORECASE
)
_CHANGED = "applied-revision-changed"
_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")

_Found = Iterator[tuple[int | None, str, str]]  # line, rule, sentence


class Finding(NamedTuple):
    """What is wrong with a revision, and what to do."""

    file: Path
    line: int | None
    rule: str
    sentence: str

    def __str__(self) -> str:
        """Return it as one line."""
        place = f"{os.path.relpath(self.file)}:{self.line or ''}".removesuffix(":")
        return f"{place}: {self.rule}: {self.sentence}"


def lint(config: Config) -> list[Finding]:
    """Judge the new revisions; no database is needed.

    Raises:
        CommandError: squawk is not installed.
        SyntaxError: a revision is not Python.
    """
    script = ScriptDirectory.from_config(config)
    directory = Path(script.versions)
    sources = [_Source(path) for path in sorted(directory.glob("[!_]*.py"))]
    applied = _applied(directory)
    findings: list[Finding] = []
    for source in sources:
        before = applied.pop(source.path.name, None)
        if before is None or ast.dump(ast.parse(before)) != ast.dump(source.tree):
            found = list(source.judge())
            if before is not None:
                sentence = (
                    "databases have it already, and will not see the change: write another one"
                )
                found.append((None, _CHANGED, sentence))
            if all(rule != "async-code" for _, rule, _ in found):  # it would not run
                found += _judge_sql(config, script, source)
            findings += source.waive(found)
    # Where none is left, the project begins anew.
    if sources and not any(_CHANGED in source.reasons for source in sources):
        sentence = "databases have it already, and cannot be migrated without it: bring it back"
        findings += [Finding(directory / name, None, _CHANGED, sentence) for name in applied]
    return findings


def main() -> None:
    """Lint the project in this directory; print what is found, and exit with 1 if that is anything."""
    config = Config(toml_file="pyproject.toml")
    try:
        findings = lint(config)
    except CommandError as error:
        sys.exit(str(error))
    for finding in findings:
        config.print_stdout("%s", finding)
    sys.exit(bool(findings))


class _Source:
    """The file of a revision, which is read and not run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"), path.name)
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
        """Leave out what the revision gives a reason for."""
        rules = {rule for _, rule, _ in found} | {_CHANGED}
        for rule, why in self.reasons.items():
            if not why:
                yield Finding(self.path, None, "ignore", f"give a reason for {rule}")
            elif rule not in rules:
                sentence = f"{rule} finds nothing here: take it out, or mend its name"
                yield Finding(self.path, None, "ignore", sentence)
        for line, rule, sentence in found:
            if not self.reasons.get(rule):
                yield Finding(self.path, line, rule, sentence)

    def judge(self) -> _Found:
        """Find what the source tells."""
        phase = self.values.get("phase")
        if phase not in get_args(Phase):
            sentence = (
                'write phase = "expand" if the code that runs now survives it, else "contract"'
            )
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
                sentence = (
                    "code that runs now may write NULL: do it in a revision of the phase contract"
                )
                yield call.lineno, "too-early", sentence


def _calls(body: list[ast.stmt]) -> list[tuple[str, ast.Call]]:
    nodes = [node for part in body for node in ast.walk(part)]
    return [(_name(node), node) for node in nodes if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _acts(body: list[ast.stmt]) -> bool:
    """Whether there is something to take back, as there is not for values that a column has got."""
    idle = r"pass|return.*|raise.*|['\"].*|op\.backfill\(.*"
    return not all(re.fullmatch(idle, ast.unparse(node), re.DOTALL) for node in body)


def _judge_python(node: ast.AST) -> _Found:
    line, names = getattr(node, "lineno", None), []
    if isinstance(node, ast.Import):
        names = [each.name for each in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = ["." * node.level + (node.module or "")]
    for name in names:
        if name.partition(".")[0] not in {"alembic", "sqlalchemy", *sys.stdlib_module_names}:
            sentence = (
                f"revisions run for years, and {name} will change: write out what it needs of it"
            )
            yield line, "application-import", sentence
    if "asyncio" in names or isinstance(node, ast.AsyncFunctionDef):
        sentence = (
            "Alembic awaits nothing, and runs in a loop of its own: write `def`, and call op.…()"
        )
        yield line, "async-code", sentence


def _judge_commits(calls: list[tuple[str, ast.Call]]) -> _Found:
    last = max((call.lineno for name, call in calls if _COMMITS.fullmatch(name)), default=0)
    for name, call in calls:
        once = _ONCE.fullmatch(name) and not _COMMITS.fullmatch(name)
        if once and call.lineno < last and not _REPEATABLE.search(ast.unparse(call)):
            sentence = (
                f"line {last} commits it, and if that breaks off, the next try fails here: write "
                f"if_exists=True or if_not_exists=True, or op.{name}() in a revision of its own"
            )
            yield call.lineno, "not-repeatable", sentence


def _judge_sql(config: Config, script: ScriptDirectory, source: _Source) -> _Found:
    """Find what the SQL tells."""
    try:
        sql = _write(config, script, source.values["revision"])
    except CommandError as error:
        yield None, "not-sql", str(error)
        return
    except Exception as error:  # whatever a revision raises
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        sentence = (
            f"it cannot be written as SQL ({reason}): write what needs no look at the database"
        )
        yield None, "not-sql", sentence
        return
    for rule, sentence in judge(
        sql, source.values.get("phase"), [*_widened(_calls(source.upgrade))]
    ):
        yield None, rule, sentence


def _write(config: Config, script: ScriptDirectory, name: str) -> str:
    """Return the SQL of one revision."""
    revision = script.get_revision(name)
    config = copy(config)
    config.output_buffer = output = io.StringIO()

    def only(*_: Any) -> list[RevisionStep]:
        return [MigrationStep.upgrade_from_script(script.revision_map, revision)]

    before = revision.down_revision or "base"
    with EnvironmentContext(config, script, fn=only, as_sql=True, starting_rev=before):
        script.run_env()
    return output.getvalue()


def _widened(calls: list[tuple[str, ast.Call]]) -> Iterator[str]:
    """Find the types that PostgreSQL changes without looking at the rows, which SQL does not tell."""
    for name, call in calls:
        options = {each.arg: each.value for each in call.keywords}
        before, after = _type(options.get("existing_type")), _type(options.get("type_"))
        if name == "alter_column" and len(call.args) == 2 and widens(before, after):
            table, column = (ast.unparse(each).strip("'") for each in call.args)
            yield f"{table} ALTER COLUMN {column} TYPE "


def _type(node: ast.expr | None) -> str:
    """Return what a type such as `sa.String(length=50)` is in SQL, if it is a simple one."""
    if not isinstance(node, ast.Call):
        return ""
    numbers = [ast.unparse(each) for each in (*node.args, *(word.value for word in node.keywords))]
    name = _name(node).upper().replace("STRING", "VARCHAR")
    return f"{name}({', '.join(numbers)})" if numbers else name


def _applied(directory: Path) -> dict[str, str]:
    """Return the revisions of the main branch, where this branch left it: their text by file."""
    for branch in _BRANCHES:
        if base := _git(directory, "merge-base", "HEAD", branch).strip():
            names = _git(directory, "ls-tree", "-z", "--name-only", base).split("\0")
            ours = [name for name in names if re.fullmatch(r"[^_].*\.py", name)]
            return {name: _git(directory, "show", f"{base}:./{name}") for name in ours}
    return {}


def _git(directory: Path, *arguments: str) -> str:
    """Return what git says; nothing where it is not installed, or has nothing to say."""
    if (git := shutil.which("git")) is None:
        return ""
    return subprocess.run(  # noqa: S603  # a program that is installed, and no shell
        [git, "-C", directory, *arguments], capture_output=True, encoding="utf-8", check=False
    ).stdout
