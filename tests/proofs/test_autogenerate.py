"""What autogenerate writes when the models have changed, and that it is then what the database has."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.proofs.revisions import Project

USER, POST = "src/shop/models/user.py", "src/shop/models/post.py"
BIO = "    bio: Mapped[str | None]\n"


class Change(NamedTuple):
    """A change of the models, and the operations that it becomes in each phase."""

    file: str
    old: str
    new: str
    expand: Sequence[str] = ()
    contract: Sequence[str] = ()
    allowed: Sequence[str] = ()


CHANGES = {
    "a nullable column": Change(USER, BIO, BIO + "    nick: Mapped[str | None]\n", ["add_column"]),
    "a column with a fixed default": Change(
        USER,
        BIO,
        BIO + "    kind: Mapped[str] = mapped_column(server_default='x')\n",
        ["add_column"],
    ),
    "a column whose default differs by row": Change(
        USER,
        BIO,
        BIO + "    salt: Mapped[str] = mapped_column(server_default=text('random()::text'))\n",
        ["add_column_concurrently"],
    ),
    "a column that the old code does not write": Change(
        USER,
        BIO,
        BIO + '    kind: Mapped[str] = mapped_column(default="it\'s")\n',
        ["add_column"],
        ["backfill", "set_not_null_concurrently"],
    ),
    "no check": Change(
        USER,
        '(CheckConstraint("credits >= 0", name="credits_not_negative"),)',
        "()",
        ["drop_constraint"],
    ),
    "NOT NULL": Change(USER, BIO, "    bio: Mapped[str]\n", contract=["set_not_null_concurrently"]),
    "NULL": Change(
        USER,
        "    password_hash: Mapped[str]\n",
        "    password_hash: Mapped[str | None]\n",
        ["alter_column"],
    ),
    "an index": Change(
        USER,
        BIO,
        "    bio: Mapped[str | None] = mapped_column(index=True)\n",
        ["create_index_concurrently"],
    ),
    "an index of a new column": Change(
        USER,
        BIO,
        BIO + "    nick: Mapped[str | None] = mapped_column(index=True)\n",
        ["add_column", "create_index_concurrently"],
    ),
    "another WHERE of an index": Change(
        POST, "NOT published", "NOT published AND title <> ''", ["replace_index_concurrently"]
    ),
    "a unique constraint": Change(
        USER,
        BIO,
        "    bio: Mapped[str | None] = mapped_column(unique=True)\n",
        contract=["create_unique_constraint_concurrently"],
    ),
    "a unique constraint of a new column": Change(
        USER,
        BIO,
        BIO + "    nick: Mapped[str | None] = mapped_column(unique=True)\n",
        ["add_column", "create_unique_constraint_concurrently"],
    ),
    "a check": Change(
        USER,
        'CheckConstraint("credits >= 0", name="credits_not_negative"),',
        'CheckConstraint("credits >= 0", name="credits_not_negative"),'
        ' CheckConstraint("bio <> \'\'", name="bio_not_empty"),',
        contract=["create_check_constraint_concurrently"],
    ),
    "another body of a check": Change(
        USER,
        "credits >= 0",
        "credits >= -5",
        ["drop_constraint"],
        ["create_check_constraint_concurrently"],
    ),
    "no unique constraint": Change(
        USER,
        "username: Mapped[str] = mapped_column(unique=True)",
        "username: Mapped[str]",
        ["drop_constraint"],
    ),
    "no column": Change(USER, BIO, "", contract=["drop_column"], allowed=["users.bio"]),
    "no column, where it was NOT NULL": Change(
        USER,
        "    password_hash: Mapped[str]\n",
        "",
        ["alter_column"],
        ["drop_column"],
        allowed=["users.password_hash"],
    ),
    "another type": Change(
        USER,
        "credits: Mapped[int] = mapped_column(",
        "credits: Mapped[int] = mapped_column(Numeric, ",
        contract=["alter_column"],
        allowed=["users.credits"],
    ),
}


def operations(path: Path) -> list[str]:
    """Return the names of the operations in a revision's upgrade."""
    upgrade = path.read_text().split("def upgrade()")[1].split("def downgrade()")[0]
    return re.findall(r"^    op\.(\w+)\(", upgrade, re.MULTILINE)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_becomes_what_the_running_code_survives(name: str, project: Project) -> None:
    change = CHANGES[name]
    project.edit(change.file, change.old, change.new)
    if "Numeric" in change.new:
        project.edit(USER, "import CheckConstraint,", "import CheckConstraint, Numeric,")

    revisions = project.revise("change", *change.allowed)

    found: dict[str, list[str]] = {"expand": [], "contract": []}
    for path in revisions:
        [phase] = re.findall(r'^phase = "(\w+)"$', path.read_text(), re.MULTILINE)
        found[phase] += operations(path)
    assert found == {"expand": [*change.expand], "contract": [*change.contract]}
    assert len(revisions) == bool(change.expand) + bool(change.contract)
    project.alembic_all("upgrade head", "check", "downgrade 0001")


REFUSED = {
    "no column": (USER, BIO, "", "users.bio: the values of a dropped column are gone"),
    "another name": (
        USER,
        BIO,
        "    about: Mapped[str | None]\n",
        "if it is about now, this is no rename",
    ),
    "another type": (USER, BIO, "    bio: Mapped[int | None]\n", "add a column of the new type"),
    "a stored column": (
        USER,
        BIO,
        BIO + "    short: Mapped[str] = mapped_column(Computed('left(bio, 9)', persisted=True))\n",
        "fill it with op.backfill()",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_change_that_stops_production_is_refused(name: str, project: Project) -> None:
    file, old, new, sentence = REFUSED[name]
    project.edit(file, old, new)
    project.edit(USER, "import CheckConstraint,", "import CheckConstraint, Computed,")

    code, output = project.attempt("revision", "--autogenerate", "--message", "change")

    assert code != 0
    assert sentence in output
    assert "`just revision MESSAGE users." in output
    assert "Traceback" not in output
    assert len(project.revisions()) == 1


def test_what_is_new_altogether_is_written_as_it_is(project: Project) -> None:
    (project.root / "src/shop/models/tag.py").write_text(
        "from sqlalchemy import CheckConstraint, ForeignKey\n"
        "from sqlalchemy.orm import Mapped, mapped_column\n"
        "from .base import Base, Key, PrimaryKey\n\n"
        "class Tag(PrimaryKey, Base):\n"
        '    __tablename__ = "tags"\n'
        "    __table_args__ = (CheckConstraint(\"name <> ''\", name='name_not_empty'),)\n"
        "    name: Mapped[str] = mapped_column(unique=True)\n"
        '    post_id: Mapped[Key] = mapped_column(ForeignKey("posts.id"), index=True)\n'
    )
    project.edit(
        "src/shop/models/__init__.py",
        "from .user import User",
        "from .tag import Tag\nfrom .user import User",
    )

    [revision] = project.revise("add tags")

    assert operations(revision) == ["create_table", "create_index"]
    project.alembic_all("upgrade head", "check")


def test_nothing_is_written_when_nothing_has_changed(project: Project) -> None:
    code, output = project.attempt("revision", "--autogenerate", "--message", "nothing")

    assert code != 0
    assert "the models and the database agree" in output


def test_the_check_tells_of_each_difference(project: Project) -> None:
    project.edit(USER, "credits >= 0", "credits >= -5")
    project.edit(USER, BIO, BIO + "    nick: Mapped[str | None] = mapped_column(unique=True)\n")

    code, output = project.attempt("check")

    assert code != 0
    for word in ("add_column", "ck_users_credits_not_negative", "add_constraint"):
        assert word in output
