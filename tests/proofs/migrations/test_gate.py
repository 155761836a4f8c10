"""The gate finds problems in revisions that cannot be deployed, and accepts good revisions."""

import os
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL

from shop.db.migrations.gate import Finding, lint
from tests.proofs.support.revisions import Project
from tests.proofs.support.unsafe_revisions import SAFE, UNDO, UNSAFE


@pytest.fixture
def copy(pytestconfig: pytest.Config, tmp_path: Path) -> Project:
    """A copy of the project, without a database."""
    return Project(pytestconfig.rootpath, tmp_path / "copy", URL.create("postgresql"))


def lint_copy(project: Project) -> list[Finding]:
    return lint(Config(toml_file=project.root / "pyproject.toml"))


@pytest.mark.parametrize("name", UNSAFE)
def test_the_gate_finds_a_problem_in_an_unsafe_revision(copy: Project, name: str) -> None:
    form = UNSAFE[name]
    path = copy.write("0002", form.upgrade, form.downgrade, phase=form.phase, more=form.more)

    found = [(each.file, each.rule, form.words in str(each)) for each in lint_copy(copy)]
    assert found == [(path, form.rule, True)], lint_copy(copy)


@pytest.mark.parametrize("name", SAFE)
def test_the_gate_finds_nothing_in_a_safe_revision(copy: Project, name: str) -> None:
    downgrade = "pass" if SAFE[name].startswith("op.backfill(") else UNDO
    copy.write("0002", SAFE[name], downgrade)

    assert lint_copy(copy) == []


@pytest.mark.parametrize(
    "upgrade",
    [
        'op.set_not_null_concurrently("users", "bio")',
        'op.drop_column("users", "bio")',
        'op.drop_table("comments")',
    ],
)
def test_the_contract_phase_allows_operations_that_the_old_code_does_not_survive(
    copy: Project, upgrade: str
) -> None:
    copy.write("0002", upgrade, UNDO, phase="contract")

    assert lint_copy(copy) == []


def test_a_revision_can_say_why_it_cannot_be_taken_back(copy: Project) -> None:
    copy.write("0002", UNDO, more='irreversible = "the values are gone"')

    assert lint_copy(copy) == []


def test_a_revision_that_nobody_can_load_is_found(copy: Project) -> None:
    path = copy.write("0002", UNDO, UNDO, more="from ..models import User as User")

    rules = [each.rule for each in lint_copy(copy) if each.file == path]
    assert rules == ["application-import", "not-sql"]


def test_a_revision_that_cannot_be_written_as_sql_is_found_with_the_first_line_of_the_reason(
    copy: Project,
) -> None:
    copy.write("0002", 'raise ValueError("no price\\nand more")', UNDO)

    [finding] = lint_copy(copy)
    assert finding.rule == "not-sql"
    assert "(ValueError: no price)" in finding.sentence


def test_a_revision_may_compute_values_beside_its_header(copy: Project) -> None:
    copy.write("0002", UNDO, UNDO, more="LIMIT = int('5')\nirreversible = ''")

    assert lint_copy(copy) == []


def test_revisions_from_other_templates_of_alembic_are_read(copy: Project) -> None:
    path = copy.write("0002", UNDO, UNDO)
    text = path.read_text()
    path.write_text(
        text.replace("revision = ", "revision: str = ", 1).replace("phase = ", "phase: str = ")
    )

    assert lint_copy(copy) == []


def test_two_branches_are_joined_by_a_revision_that_does_nothing(copy: Project) -> None:
    copy.write("0002", UNDO, UNDO)
    copy.write("0003", UNDO, UNDO)
    path = copy.write("0004", "pass")
    path.write_text(
        path.read_text().replace('down_revision = "0001"', 'down_revision = "0002", "0003"')
    )

    assert lint_copy(copy) == []

    path.write_text(path.read_text().replace("pass", "op.drop_column('users', 'bio')"))
    assert [each.rule for each in lint_copy(copy)] == ["ban-drop-column"]


DELETE = 'op.execute("DELETE FROM comments")'


@pytest.mark.parametrize(
    ("upgrade", "rule"),
    [(DELETE, "data-change"), (UNSAFE["an index"].upgrade, UNSAFE["an index"].rule)],
)
def test_a_revision_with_a_reason_may_break_a_rule(copy: Project, upgrade: str, rule: str) -> None:
    copy.write("0002", upgrade, UNDO, more=f'ignore = {{"{rule}": "a table of ten rows"}}')

    assert lint_copy(copy) == []


@pytest.mark.parametrize("more", ['ignore = {"data-change": " "}', 'ignore = {"data-change": ""}'])
def test_a_revision_without_a_reason_may_not_break_a_rule(copy: Project, more: str) -> None:
    copy.write("0002", DELETE, UNDO, more=more)

    found = {each.rule: each.sentence for each in lint_copy(copy)}
    assert found.keys() == {"ignore", "data-change"}
    assert found["ignore"] == "give a reason for data-change"


@pytest.mark.parametrize("rule", ["data-chance", "ban-drop-column"])
def test_a_reason_for_a_rule_that_finds_nothing_is_found(copy: Project, rule: str) -> None:
    copy.write(
        "0002", DELETE, UNDO, more=f'ignore = {{"{rule}": "ten rows", "data-change": "ten"}}'
    )

    [finding] = lint_copy(copy)
    assert finding.sentence == f"{rule} finds nothing here: remove it, or correct its name"


def test_a_comment_in_sql_is_no_reason(copy: Project) -> None:
    sql = "-- squawk-ignore-file\\n-- squawk-ignore ban-drop-column\\nALTER TABLE users DROP COLUMN bio"
    copy.write("0002", f'op.execute("{sql}")', UNDO)

    assert [each.rule for each in lint_copy(copy)] == ["ban-drop-column"]


USER, POST = "src/shop/models/user.py", "src/shop/models/post.py"
BIO, BODY = "    bio: Mapped[str | None]\n", "    body: Mapped[str]\n"


def test_revisions_of_autogenerate_can_be_deployed(project: Project) -> None:
    project.alembic("upgrade", "head")
    project.edit(
        USER,
        BIO,
        "    bio: Mapped[str] = mapped_column(index=True)\n"
        "    nick: Mapped[str | None] = mapped_column(Text, unique=True)\n"
        "    short: Mapped[str | None] = mapped_column(String(10))\n"
        "    kind: Mapped[str] = mapped_column(default='plain')\n"
        "    rank: Mapped[int] = mapped_column(server_default='0')\n"
        "    salt: Mapped[str] = mapped_column(server_default=text('random()::text'))\n"
        "    post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey('posts.id'), index=True)\n",
    )
    project.edit(USER, "password_hash: Mapped[str]\n", "password_hash: Mapped[str | None]\n")
    project.edit(USER, '"credits >= 0"', '"credits >= -5"')
    project.edit(
        USER, "username: Mapped[str] = mapped_column(unique=True)", "username: Mapped[str]"
    )
    project.edit(POST, "NOT published", "NOT published AND title <> ''")
    names = "ForeignKey, String, Text, text"
    text = (
        (project.root / USER)
        .read_text()
        .replace("from sqlalchemy import ", f"import uuid\nfrom sqlalchemy import {names}, ")
    )
    (project.root / USER).write_text(
        text + "\n\nclass Tag(Base):\n    __tablename__ = 'tags'\n"
        "    name: Mapped[str] = mapped_column(primary_key=True)\n"
        "    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey('users.id'), index=True)\n"
    )
    revisions = project.revise("much")
    assert len(revisions) >= 2
    assert lint_copy(project) == []

    project.alembic("upgrade", "head")
    project.edit(USER, "String(10)", "String(20)")
    project.edit(POST, BODY, "")
    project.revise("less", "posts.body")
    assert lint_copy(project) == []


def test_another_type_needs_a_reason_even_if_autogenerate_was_allowed_to_write_it(
    project: Project,
) -> None:
    project.alembic("upgrade", "head")
    project.edit(USER, BIO, "    bio: Mapped[int | None]\n")
    [path] = project.revise("numbers", "users.bio")

    [finding] = lint_copy(project)
    assert finding.rule == "changing-column-type"

    why = 'ignore = {"changing-column-type": "nobody uses it"}'
    path.write_text(path.read_text().replace('"contract"', f'"contract"\n{why}'))
    assert lint_copy(project) == []


def test_a_linter_that_fails_says_why(
    copy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "squawk"
    program.write_text("#!/bin/sh\ncat > /dev/null\necho out of memory >&2\nexit 101\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    copy.write("0002", SAFE[next(iter(SAFE))], UNDO)

    with pytest.raises(CommandError, match=r"^squawk, .* failed: out of memory$"):
        lint_copy(copy)
