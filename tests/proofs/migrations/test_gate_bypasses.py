"""No way of writing hides a statement from the gate."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from sqlalchemy import URL

from shop.db.migrations.gate import lint, squawk
from tests.proofs.support.gate_bypasses import (
    ADVICE,
    BYPASSES,
    CASES,
    PLACES,
    SPACES,
    STATEMENTS,
)
from tests.proofs.support.revisions import Project
from tests.proofs.support.sampling import sampled
from tests.proofs.support.unsafe_revisions import UNDO

Record = Callable[[str, object], None]

HEADER = "SET lock_timeout = '500ms';\n\nSET statement_timeout = '5000ms';\n\n"


@pytest.fixture
def copy(pytestconfig: pytest.Config, tmp_path: Path) -> Project:
    """A copy of the project, without a database."""
    return Project(pytestconfig.rootpath, tmp_path / "copy", URL.create("postgresql"))


def test_each_statement_is_found_in_each_form(
    record_property: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms = [*product(STATEMENTS.items(), SPACES.items(), PLACES.items(), CASES.items())]
    ours = [form for form in forms if form[0][1] in squawk._rules("ours")]
    theirs = [form for form in forms if form not in ours]
    chosen = sampled(theirs)
    hidden = hidden_forms([*chosen])
    monkeypatch.setattr(squawk, "_judge_by_squawk", lambda _: {})  # it is a process for each form
    hidden += hidden_forms(ours)

    record_property("forms of statements that the gate finds", len(ours) + len(chosen))
    assert not hidden, "\n".join(hidden[:20])


def hidden_forms(forms: list[Any]) -> list[str]:
    """Return the forms of statements in which their rule does not find them."""
    hidden = []
    for (statement, rule), (space, gap), (place, text), (case, change) in forms:
        sql = HEADER + text.format(gap + gap.join(change(statement).split(" ")))
        if rule not in {found for found, _ in squawk.judge(sql, "expand", [], "")}:
            hidden.append(f"{statement} with {space}, {place}, in {case} case: {sql!r}")
    return hidden


@pytest.mark.parametrize("name", ADVICE)
def test_the_way_that_a_refusal_names_is_accepted(copy: Project, name: str) -> None:
    copy.write("0002", ADVICE[name], UNDO)

    assert lint(Config(toml_file=copy.root / "pyproject.toml")) == []


@pytest.mark.parametrize("name", BYPASSES)
def test_what_was_accepted_once_is_found(copy: Project, name: str) -> None:
    form = BYPASSES[name]
    path = copy.write("0002", form.upgrade, form.downgrade, phase=form.phase, more=form.more)

    found = lint(Config(toml_file=copy.root / "pyproject.toml"))
    told = [(each.file, each.rule, form.words in str(each)) for each in found]
    assert told == [(path, form.rule, True)], found


def test_the_first_revision_meets_no_table_that_is_in_use(copy: Project) -> None:
    [first] = copy.revisions()
    first.unlink()
    upgrade = (
        "op.execute(\"CREATE DOMAIN code AS char(3) CHECK (value <> '')\")\n"
        '    op.create_table("tags", sa.Column("id", sa.Integer(), primary_key=True))\n'
        '    op.execute("INSERT INTO tags SELECT 1; CREATE INDEX ix ON tags(id)")'
    )
    path = copy.write("0001", upgrade, UNDO)
    path.write_text(path.read_text().replace('down_revision = "0001"', "down_revision = None"))
    config = Config(toml_file=copy.root / "pyproject.toml")
    assert lint(config) == []

    # A mistake is one in each revision. A second first revision is not the first one.
    path.write_text(path.read_text().replace("CREATE INDEX", "CREAT INDEX"))
    assert [each.rule for each in lint(config)] == ["syntax-error"]
    path.write_text(path.read_text().replace("CREAT INDEX", "CREATE INDEX"))
    other = copy.write("0002", 'op.execute("DELETE FROM tags")', UNDO)
    other.write_text(other.read_text().replace('down_revision = "0001"', "down_revision = None"))
    assert "data-change" in {each.rule for each in lint(config)}
