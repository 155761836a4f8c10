"""Find problems in the SQL of a revision, by the linter squawk and by our own rules.

Squawk judges the statements of operations, and those in `op.execute()`. It finds the problems, and
`rules.toml` says what to write instead. Problems of a table that the revision itself creates are left
out, since nobody uses that table yet.
"""

import json
import re
import shutil
import subprocess
import sysconfig
import textwrap
import tomllib
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from alembic.util import CommandError

from .statements import Statement, split


@cache
def _rules(section: str) -> dict[str, Any]:
    path = Path(__file__).with_name("rules.toml")
    return dict(tomllib.loads(path.read_text(encoding="utf-8"))[section])


def judge(sql: str, phase: Any, widened: Collection[str], others: str) -> Iterator[tuple[str, str]]:
    """Yield the problems in the SQL of one revision. Each is a rule and a sentence.

    Args:
        sql: the SQL as Alembic writes it.
        phase: the phase of the revision.
        widened: ends of statements that only widen a type, which costs nothing.
        others: the text of the other revisions.

    Raises:
        CommandError: squawk is not installed, or it failed.
    """
    statements = list(split(sql))
    yield from _judge_ourselves(statements)
    new = {_new_table(each, others) for each in statements} - {""}
    plain = "\n".join(each.plain for each in statements)
    attached = re.findall(_rules("statements")["attachment"], plain)
    for (rule, statement), found in _judge_by_squawk(statements).items():
        table = re.match(_rules("statements")["of-table"], statement.plain)
        parent = re.match(_rules("statements")["of-partitioned-table"], statement.plain)
        if (
            re.fullmatch("|".join(_rules("unasked")), rule)
            or (rule.startswith("ban-drop-") and phase == "contract")
            or (rule == "ban-alter-identity" and "(start " in statement.plain)
            or (table and table[1] in new)
            or (parent and parent[1] in attached)
            or statement.plain.replace(".", " ").endswith(tuple(widened))
        ):
            continue
        instead = _rules("instead").get("ban-drop-" if rule.startswith("ban-drop-") else rule)
        advice = f": write {instead}" if instead else f". {found['help'] or ''}"
        yield rule, found["message"].rstrip(".") + advice + _quote(statement)


def _judge_ourselves(statements: Collection[Statement]) -> Iterator[tuple[str, str]]:
    """Yield the problems that squawk does not know."""
    functions, waits = {""}, False  # `waits` says whether the lock timeout is off.
    for statement in statements:
        plain = statement.plain
        if re.match(r"(re)?set (session )?lock_timeout\b", plain):
            waits = re.search(r"\W0\W*$", statement.sql) is not None
        if made := re.match(_rules("statements")["function"], plain):
            functions.add(made[1])
        if made or re.match(_rules("statements")["alembic"], plain):
            continue
        calls = functions & set(re.findall(r"(\w+) ?\(", plain))
        if calls and re.match("(select|with|values) ", plain):
            plain = "call"
        for rule, ours in _rules("ours").items():
            found = re.search("|".join(ours["patterns"]), plain)
            if found and not (waits and rule == "interrupted-index"):
                yield rule, ours["sentence"] + _quote(statement)


def _new_table(statement: Statement, others: str) -> str:
    """Return the table that a statement creates, or "". With IF NOT EXISTS it may be an old one."""
    made = re.match(_rules("statements")["create-table"], statement.plain)
    name = made[3].rpartition(".")[2] if made else ""
    old = rf"(?i)create[_ ]table\W+(?:if not exists )?(?:\w+\W+)?(?:\w+\W+)?{re.escape(name)}\b"
    return made[3] if made and not (made[2] and re.search(old, others)) else ""


def _quote(statement: Statement) -> str:
    return f" ({textwrap.shorten(statement.sql, 80, placeholder=' …')})"


def _judge_by_squawk(
    statements: Collection[Statement],
) -> dict[tuple[str, Statement], dict[str, Any]]:
    # It is beside Python, if the PATH does not name it.
    program = shutil.which("squawk") or shutil.which("squawk", path=sysconfig.get_path("scripts"))
    if program is None:
        raise CommandError("squawk, which judges revisions, is not installed: run `uv sync`")
    # Squawk leaves out the tables that the SQL creates, so it must not see their names.
    made = _rules("statements")["create-table"]
    texts = [re.sub(made, r'\1"a new table"', each.sql) + ";\n" for each in statements]
    result = subprocess.run(  # noqa: S603  # an installed program, without a shell
        [program, "--reporter=json", "--pg-version=15"],
        input="".join(texts),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if not result.stdout:
        raise CommandError(f"squawk, which judges revisions, failed: {result.stderr.strip()}")
    lines = [each for each in statements for _ in each.sql.split("\n")]
    found = [(each["rule_name"], lines[each["line"]], each) for each in json.loads(result.stdout)]
    return {(_rules("same").get(rule, rule), statement): each for rule, statement, each in found}
