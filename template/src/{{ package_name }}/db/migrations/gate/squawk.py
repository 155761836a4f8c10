"""Find problems in the SQL of a revision, by the linter squawk and by our own rules.

Squawk judges the statements of operations, and those in `op.execute()`. It finds the problems, and
this file adds what to write instead. Problems of a table that the revision itself creates are left
out, since nobody uses that table yet.
"""

import json
import re
import shutil
import subprocess
import sysconfig
import textwrap
from collections.abc import Collection, Iterator
from typing import Any

from alembic.util import CommandError

_INSTEAD = {
    "adding-field-with-default": "op.add_column_concurrently(), or a plain column and op.backfill()",
    "adding-not-nullable-field": "op.set_not_null_concurrently(), in the phase contract",
    "adding-required-field": "nullable=True; in the phase contract op.set_not_null_concurrently()",
    "changing-column-type": "a column of the new type and op.backfill(); drop the old one later",
    "constraint-missing-not-valid": "op.create_foreign_key_concurrently(), or the same for CHECK and UNIQUE",
    "renaming-column": "a column of the new name and op.backfill(); drop the old one later",
    "renaming-table": "a view of the new name, and leave the table as it is",
    "require-concurrent-index-creation": "op.create_index_concurrently()",
    "require-concurrent-index-deletion": "op.drop_index_concurrently()",
}
_NOT_ASKED = re.compile(
    r"prefer-.*"  # Models decide on types, and we have a rule `not-repeatable`.
    # The same as `constraint-missing-not-valid`.
    r"|adding-foreign-key-constraint|adding-serial-primary-key-field|disallowed-unique-constraint"
    r"|ban-drop-(constraint|not-null)|renaming-object"  # Our operations do that without blocking.
    r"|require-enum-value-ordering"  # A new value may be added at the end.
)
_DATA_CHANGE = re.compile(
    r"\bUPDATE (\S+ ){1,4}SET\b|\b(DELETE FROM|MERGE INTO)\b|\bINSERT .*\bSELECT\b", re.IGNORECASE
)
_LOCK = re.compile(
    r"^(LOCK|TRUNCATE|CLUSTER|VACUUM FULL|REINDEX(?!.* CONCURRENTLY)"
    r"|REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)|ALTER TABLE .* SET (UNLOGGED|LOGGED|TABLESPACE)"
    r"|ALTER TABLE .* ADD COLUMN .*SERIAL)\b",
    re.IGNORECASE,
)
_ROW_SECURITY = re.compile(r"\b(DISABLE|NO FORCE) ROW LEVEL\b|\bDROP POLICY\b", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_BODY = re.compile(r"(?<!DO )(\$\w*\$).*?\1", re.DOTALL)  # The body of a function runs later.


def judge(sql: str, phase: Any, widened: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the problems in the SQL of one revision. Each is a rule and a sentence.

    Args:
        sql: the SQL as Alembic writes it.
        phase: the phase of the revision.
        widened: parts of statements that only widen a type, which costs nothing.

    Raises:
        CommandError: squawk is not installed.
    """
    plain = re.sub(r'-- Running .*|"', "", sql)  # This keeps the number of lines.
    for statement in map(_line, _BODY.sub("", plain).split(";\n")):
        ours = "alembic_version" in statement or statement.startswith("-- All rows in one")
        if _DATA_CHANGE.search(_LITERAL.sub("''", statement)) and not ours:
            problem = "the rows are locked until all are changed: write op.backfill(), or a program"
            yield "data-change", problem + _quote(statement)
        if _LOCK.search(statement):
            problem = (
                "nobody can use the table meanwhile: do it by hand when nobody needs the table"
            )
            yield "table-locked", problem + _quote(statement)
        if _ROW_SECURITY.search(statement):
            problem = "everybody sees all rows: write ALTER POLICY, and leave row security on"
            yield "row-security-dropped", problem + _quote(statement)
    created = re.findall(r"^CREATE TABLE (?:IF NOT EXISTS )?(\S+)", plain, re.MULTILINE)
    statements = [_line(statement) for statement in plain.split(";\n")]
    for found in _found(sql):
        rule, instead = found["rule_name"], _INSTEAD.get(found["rule_name"])
        before = "".join(plain.splitlines(keepends=True)[: found["line"]])
        statement = statements[before.count(";\n")]
        table = re.match(r"(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX .*? ON) (\S+)", statement)
        if rule.startswith("ban-drop-"):
            instead = "it in a revision of the phase contract"
        if (
            _NOT_ASKED.fullmatch(rule)
            or (rule.startswith("ban-drop-") and phase == "contract")
            or (table and table[1] in created)
            or any(each in statement for each in widened)
        ):
            continue
        message = found["message"].rstrip(".")
        advice = f": write {instead}" if instead else f". {found['help'] or ''}"
        yield rule, message + advice + _quote(statement)


def _line(statement: str) -> str:
    return " ".join(statement.split())


def _quote(statement: str) -> str:
    return f" ({textwrap.shorten(statement, 80, placeholder=' …')})"


def _found(sql: str) -> list[dict[str, Any]]:
    beside_python = sysconfig.get_path("scripts")  # squawk may be missing on the PATH.
    program = shutil.which("squawk") or shutil.which("squawk", path=beside_python)
    if program is None:
        raise CommandError(
            "squawk, which judges the SQL of revisions, is not installed: run `uv sync`"
        )
    result = subprocess.run(  # noqa: S603  # an installed program, without a shell
        [program, "--reporter=json", "--pg-version=15"],
        input=sql.replace("squawk-ignore", ""),  # It would hide problems without a reason.
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found
