"""Autogenerate writes revisions for changed models, and then the database agrees with the
models."""

import re
from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.gate import lint
from tests.proofs.support.changes import BIO, CHANGES, NAMES, USER
from tests.proofs.support.revisions import Project


def operations(path: Path) -> list[str]:
    """Return the names of the operations in a revision's upgrade."""
    upgrade = path.read_text().split("def upgrade()")[1].split("def downgrade()")[0]
    return re.findall(r"^    op\.(\w+)\(", upgrade, re.MULTILINE)


@pytest.mark.sampled(10)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_becomes_operations_that_the_running_code_survives(
    name: str, project: Project
) -> None:
    change = CHANGES[name]
    project.edit(change.file, change.old, change.new)
    project.edit(USER, "from sqlalchemy import CheckConstraint, ", NAMES)

    revisions = project.revise("change", *change.allowed)

    found: dict[str, list[str]] = {"expand": [], "contract": []}
    for path in revisions:
        [phase] = re.findall(r'^phase = "(\w+)"$', path.read_text(), re.MULTILINE)
        found[phase] += operations(path)
    assert found == {"expand": [*change.expand], "contract": [*change.contract]}
    assert len(revisions) == bool(change.expand) + bool(change.contract)
    findings = lint(Config(toml_file=project.root / "pyproject.toml"))
    assert {finding.rule for finding in findings} == {*change.found}
    project.alembic_all("upgrade head", "check", "downgrade 0001", "upgrade head")
    for path in revisions:
        if any(re.fullmatch(".*_concurrently|backfill", each) for each in operations(path)):
            # It commits, so it can be run again, for example after it broke off.
            text = path.read_text()
            name, parent = re.findall(r'^(?:down_)?revision = "(\w+)"$', text, re.MULTILINE)
            project.alembic_all(f"stamp {parent}", f"upgrade {name}", "upgrade head", "check")


REFUSED = {
    "no column": (USER, BIO, "", "users.bio: the values of a dropped column are gone"),
    "another name": (
        USER,
        BIO,
        "    about: Mapped[str | None]\n",
        "If you renamed it to about, keep both",
    ),
    "another type": (USER, BIO, "    bio: Mapped[int | None]\n", "Add a column of the new type"),
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
    project.edit(USER, "from sqlalchemy import CheckConstraint, ", NAMES)

    code, output = project.attempt("revision", "--autogenerate", "--message", "change")

    assert code != 0
    assert sentence in output
    assert "`just revision MESSAGE users." in output
    assert "Traceback" not in output
    assert len(project.revisions()) == 1


def test_a_new_table_is_created_by_plain_operations(project: Project) -> None:
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


def test_new_tables_may_refer_to_each_other(project: Project) -> None:
    (project.root / "src/shop/models/team.py").write_text(
        "from sqlalchemy import ForeignKey\n"
        "from sqlalchemy.orm import Mapped, mapped_column\n"
        "from .base import Base, Key, PrimaryKey\n\n"
        "class Team(PrimaryKey, Base):\n"
        '    __tablename__ = "teams"\n'
        '    captain_id: Mapped[Key | None] = mapped_column(ForeignKey("players.id"))\n\n'
        "class Player(PrimaryKey, Base):\n"
        '    __tablename__ = "players"\n'
        '    team_id: Mapped[Key] = mapped_column(ForeignKey("teams.id"))\n'
    )
    project.edit(
        "src/shop/models/__init__.py",
        "from .user import User",
        "from .team import Team as Team\nfrom .user import User",
    )

    [revision] = project.revise("teams")

    key = "create_foreign_key_concurrently"
    assert operations(revision) == ["create_table", "create_table", key]
    assert lint(Config(toml_file=project.root / "pyproject.toml")) == []
    project.alembic_all("upgrade head", "check", "downgrade 0001", "upgrade head")
    (project.root / "src/shop/models/team.py").write_text("Team = None\n")
    project.revise("no teams", "teams", "players")
    project.alembic_all("upgrade head", "check", "downgrade 0001", "upgrade head")


def test_a_new_value_of_an_enumeration_replaces_the_check(project: Project) -> None:
    project.edit(USER, BIO, BIO + "    kind: Mapped[Kind | None]\n")
    project.edit(USER, "from sqlalchemy import CheckConstraint, ", NAMES)
    project.revise("kinds")
    project.alembic("upgrade", "head")
    project.edit(USER, '    NEW = "new"\n', '    NEW = "new"\n    NEWER = "newer"\n')

    expand, contract = project.revise("another kind")

    for revision in (expand, contract):
        assert operations(revision) == ["create_check_constraint_concurrently", "drop_constraint"]
    project.alembic_all("upgrade head", "check")


def test_a_native_enumeration_is_created_before_its_column(project: Project) -> None:
    project.edit(USER, BIO, BIO + "    kind: Mapped[Kind | None] = mapped_column(Enum(Kind))\n")
    project.edit(USER, "from sqlalchemy import CheckConstraint, ", NAMES)
    [revision] = project.revise("kinds")

    assert operations(revision) == ["execute", "add_column"]
    project.alembic_all("upgrade head", "check", "downgrade 0001", "upgrade head", "check")


def test_the_author_must_write_the_value_of_existing_rows(project: Project) -> None:
    project.edit(USER, BIO, BIO + "    kind: Mapped[str]\n")
    _, contract = project.revise("kind")

    assert [each.sentence for each in lint(Config(toml_file=project.root / "pyproject.toml"))] == [
        "write the value of users.kind into op.backfill()"
    ]
    code, output = project.attempt("upgrade", "head")

    assert code != 0
    assert "write the value of users.kind into op.backfill()" in output
    project.replace(
        contract, 'op.backfill("users", "kind", "")', 'op.backfill("users", "kind", "bio")'
    )
    project.alembic_all("upgrade head", "check")


def test_operations_that_cannot_be_repeated_have_their_own_file(project: Project) -> None:
    kind = "    kind: Mapped[Kind | None] = mapped_column(Enum(Kind), index=True)\n"
    project.edit(USER, BIO, BIO + kind)
    project.edit(USER, "from sqlalchemy import CheckConstraint, ", NAMES)

    together, index = project.revise("an enumeration and an index")

    assert operations(together) == ["execute", "add_column"]
    assert operations(index) == ["create_index_concurrently"]
    project.alembic_all("upgrade head", "check")


@pytest.mark.parametrize(
    ("change", "statement", "word"),
    [
        ("bio: Mapped[str]", "UPDATE users SET bio = NULL", "not_null_bio"),
        (
            "bio: Mapped[str | None] = mapped_column(unique=True)",
            "UPDATE users SET bio = ''",
            "uq_users_bio",
        ),
    ],
)
async def test_a_constraint_that_rows_violate_is_dropped_again(
    project: Project, server: AsyncConnection, change: str, statement: str, word: str
) -> None:
    people = "INSERT INTO users (id, email, username, password_hash) SELECT %s::uuid, n, n, '' FROM"
    people = people.replace("%s", "gen_random_uuid()") + " generate_series(1, 2) AS n"
    await server.execute(text(people))
    await server.execute(text(statement))
    project.edit(USER, BIO, f"    {change}\n")
    for path in project.revise("too much"):  # The author of the change forgets the rows with NULL.
        path.write_text(re.sub(r"    op\.backfill\(.*\n", "", path.read_text()))

    code, output = project.attempt("upgrade", "head")

    assert code != 0
    assert word in output
    left = text("SELECT count(*) FROM pg_class, pg_constraint WHERE :name IN (relname, conname)")
    assert await server.scalar(left, {"name": word}) == 0
    await server.execute(text("UPDATE users SET bio = id"))
    project.alembic_all("upgrade head", "check")


async def test_partitions_and_tables_of_extensions_are_ignored(
    project: Project, server: AsyncConnection
) -> None:
    for statement in (
        "ALTER TABLE users ADD COLUMN nick text",
        "CREATE TABLE parts (n int) PARTITION BY HASH (n)",
        "CREATE TABLE part PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "ALTER EXTENSION plpgsql ADD TABLE parts",
    ):
        await server.execute(text(statement))
    project.edit(USER, BIO, BIO + "    nick: Mapped[str | None]\n")

    project.alembic("check")


@pytest.mark.parametrize("option", ["index", "unique"])
def test_a_partitioned_table_gets_no_index_concurrently(project: Project, option: str) -> None:
    project.edit(USER, BIO, f"    bio: Mapped[str | None] = mapped_column({option}=True)\n")
    options = '    {"postgresql_partition_by": "HASH (id)"},\n    )\n    __repr_attributes__'
    project.edit(USER, "    )\n    __repr_attributes__", options)

    code, output = project.attempt("revision", "--autogenerate", "--message", "an index")

    assert code != 0
    assert "PostgreSQL cannot build an index of a partitioned table concurrently" in output


def test_nothing_is_written_when_nothing_has_changed(project: Project) -> None:
    code, output = project.attempt("revision", "--autogenerate", "--message", "nothing")

    assert code != 0
    assert "the models and the database agree" in output


def test_the_check_lists_each_difference(project: Project) -> None:
    project.edit(USER, "credits >= 0", "credits >= -5")
    project.edit(USER, BIO, BIO + "    nick: Mapped[str | None] = mapped_column(unique=True)\n")

    code, output = project.attempt("check")

    assert code != 0
    for line in (
        "op.add_column('users'",
        "op.create_check_constraint(",
        "op.create_unique_constraint(",
    ):
        assert f"\n{line}" in output
