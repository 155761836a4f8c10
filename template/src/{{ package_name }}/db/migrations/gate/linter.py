"""The linter: it chooses the revisions, judges them, and prints the problems."""

import ast
import io
import sys
from copy import copy
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from .main_branch import read_applied_revisions
from .source import CHANGED, Finding, Problems, Source
from .squawk import judge


def lint(config: Config) -> list[Finding]:
    """Judge the new revisions. This needs no database.

    Raises:
        CommandError: squawk is not installed.
        SyntaxError: a revision is not Python.
    """
    script = ScriptDirectory.from_config(config)
    directory = Path(script.versions)
    sources = [Source(path) for path in sorted(directory.glob("[!_]*.py"))]
    applied = read_applied_revisions(directory)
    findings: list[Finding] = []
    for source in sources:
        before = applied.pop(source.path.name, None)
        if before is None or ast.dump(ast.parse(before)) != ast.dump(source.tree):
            found = list(source.judge())
            if before is not None:
                sentence = "databases have it, and will not see the change: write a new revision"
                found.append((None, CHANGED, sentence))
            if all(rule != "async-code" for _, rule, _ in found):  # It cannot run.
                others = "\n".join(each.text for each in sources if each is not source)
                found += _judge_sql(config, script, source, others)
            findings += source.waive(found)
    # If no revision is left, the project starts again with a new first one.
    if sources and not any(CHANGED in source.reasons for source in sources):
        sentence = "databases have it already, and cannot be migrated without it: bring it back"
        findings += [Finding(directory / name, None, CHANGED, sentence) for name in applied]
    return findings


def main() -> None:
    """Judge the project in this directory. Print the problems, and exit with 1 if there are any."""
    config = Config(toml_file="pyproject.toml")
    try:
        findings = lint(config)
    except CommandError as error:
        sys.exit(str(error))
    for finding in findings:
        config.print_stdout("%s", finding)
    sys.exit(bool(findings))


def _judge_sql(config: Config, script: ScriptDirectory, source: Source, others: str) -> Problems:
    """Yield the problems that the SQL shows. The first revision meets no table that is in use."""
    try:
        sql = _write(config, script, source.values["revision"])
    except Exception as error:  # A file may raise anything when it is loaded.
        yield None, "not-sql", str(error)
        return
    first = [*script.get_bases()] == [source.values["revision"]]
    for rule, sentence in judge(sql, source.values.get("phase"), [*source.widened()], others):
        if not first or rule == "syntax-error":
            yield None, rule, sentence


def _write(config: Config, script: ScriptDirectory, name: str) -> str:
    """Return the SQL of one revision."""
    revision = script.get_revision(name)
    config = copy(config)
    config.output_buffer = output = io.StringIO()

    def only(*_: Any) -> list[RevisionStep]:
        return [MigrationStep.upgrade_from_script(script.revision_map, revision)]

    before = revision.down_revision or "base"
    # If it is judged, a backfill writes nothing, since it changes rows in batches.
    with EnvironmentContext(config, script, fn=only, as_sql=True, starting_rev=before, judged=True):
        script.run_env()
    return output.getvalue()
