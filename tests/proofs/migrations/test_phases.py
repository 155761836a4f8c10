"""Between `expand` and `contract`, the old and the new code write to one database."""

import json
import os
import shutil
from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.gate import lint
from tests.proofs.support import writes
from tests.proofs.support.forked import run_python
from tests.proofs.support.revisions import Project

USER = "src/shop/models/user.py"
PASSWORD = "    password_hash: Mapped[str]\n"
LAST = "        return email.lower()  # otherwise two spellings would be two addresses\n"
BOTH = """
    @validates("password_hash")
    def _in_both(self, _: str, value: str) -> str:
        self.secret = value
        return value
"""


class Release:
    """A version of the code. It can run while the project changes."""

    def __init__(self, project: Project, name: str) -> None:
        self._source, self._url = project.root / name, project.url
        shutil.copytree(project.root / "src", self._source)

    def write(self, **values: str) -> None:
        """Add and change a user with the models of this version."""
        code, output = self.attempt(**values)
        assert code == 0, output

    def attempt(self, **values: str) -> tuple[int, str]:
        environment = os.environ | {"DATABASE_URL": self._url, "PYTHONPATH": str(self._source)}
        return run_python(self._source, environment, [writes.__file__, json.dumps(values)])


async def test_both_versions_write_while_a_column_becomes_mandatory(
    project: Project, server: AsyncConnection
) -> None:
    old = Release(project, "old")
    old.write(password_hash="before")
    project.edit(USER, PASSWORD, PASSWORD + '    kind: Mapped[str] = mapped_column(default="x")\n')
    project.revise("kind")
    new = Release(project, "new")

    project.alembic("-x", "phase=expand", "upgrade", "head")
    old.write(password_hash="between")
    new.write(password_hash="between", kind="y")

    project.alembic("upgrade", "head")
    new.write(password_hash="after")
    code, said = old.attempt(password_hash="after")
    assert (code, "NotNullViolation" in said) == (1, True)  # the old code cannot write any more
    kinds = await server.scalars(text("SELECT kind FROM users ORDER BY created_at"))
    assert list(kinds) == ["x", "x", "y, changed", "x"]
    project.alembic("check")


async def test_both_versions_write_in_each_step_of_a_rename(
    project: Project, server: AsyncConnection
) -> None:
    """`password_hash` becomes `secret` in two releases."""
    before = Release(project, "before")
    before.write(password_hash="1")

    # The first release has both columns, and writes both.
    project.edit(USER, PASSWORD, PASSWORD + "    secret: Mapped[str | None]\n")
    project.edit(USER, LAST, LAST + BOTH)
    [added] = project.revise("secret")
    both = Release(project, "both")
    project.alembic("-x", "phase=expand", "upgrade", "head")
    before.write(password_hash="2")
    both.write(password_hash="3")
    fill = 'op.backfill("users", "secret", "password_hash")'
    project.write("filled", fill, phase="contract", after=name_of(added))
    project.alembic("upgrade", "head")
    both.write(password_hash="4")

    # The second release has only the new column.
    project.edit(USER, PASSWORD + "    secret: Mapped[str | None]\n", "    secret: Mapped[str]\n")
    project.edit(USER, BOTH, "")
    project.revise("no password_hash", "users.password_hash")
    after = Release(project, "after")
    project.alembic("-x", "phase=expand", "upgrade", "head")
    both.write(password_hash="5")
    after.write(secret="6")
    project.alembic("upgrade", "head")
    after.write(secret="7")

    secrets = await server.scalars(text("SELECT secret FROM users ORDER BY created_at"))
    assert list(secrets) == [f"{number}, changed" for number in range(1, 8)]
    project.alembic("check")


async def test_a_foreign_key_that_changes_is_in_force_between_the_phases(
    project: Project, server: AsyncConnection
) -> None:
    project.edit("src/shop/models/post.py", 'ondelete="CASCADE"', 'ondelete="RESTRICT"')
    project.revise("restrict")
    assert lint(Config(toml_file=project.root / "pyproject.toml")) == []
    of_nobody = "INSERT INTO posts VALUES (gen_random_uuid(), gen_random_uuid(), '', '')"

    project.alembic("-x", "phase=expand", "upgrade", "head")

    with pytest.raises(IntegrityError, match="fk_posts_author_id_users"):
        await server.execute(text(of_nobody))
    project.alembic_all("upgrade head", "check", "downgrade 0001", "upgrade head", "check")


def name_of(revision: Path) -> str:
    return revision.stem.split("_")[4]


def test_the_command_accepts_only_the_phase_before_the_deploy(project: Project) -> None:
    code, said = project.attempt("-x", "phase=contract", "upgrade", "head")

    assert code != 0
    assert "only `-x phase=expand` is possible" in said


def test_an_irreversible_revision_is_not_taken_back(project: Project) -> None:
    statement = 'op.execute("UPDATE users SET bio = NULL")'
    project.write("0002", statement, more='irreversible = "the texts are gone"\n')
    project.alembic("upgrade", "head")

    code, said = project.attempt("downgrade", "-1")

    assert code != 0
    assert "0002 cannot be taken back: the texts are gone" in said
    assert "0002 (head)" in project.alembic("current")
