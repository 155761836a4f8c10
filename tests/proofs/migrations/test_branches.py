"""Revisions in branches: two heads, merges, `depends_on`, and the phases across branches."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Column, Integer, MetaData, Table, Text

from shop.db.migrations.gate import lint
from tests.db import test_migrations
from tests.proofs.support import own_migrations
from tests.proofs.support.own_migrations import read_heads, upgrade
from tests.proofs.support.psql import psql
from tests.proofs.support.revisions import Project

HEADS = "there are several heads: set the down_revision of the newer one to the other one"
SEVERAL = "this could mean several revisions: name one, as in `alembic downgrade 0001`"


class Branches(own_migrations.Project):
    """Its catalogue has the tables, with their columns, and the revisions that were applied."""

    CATALOGUE = """
SELECT concat_ws(' ', attrelid::regclass, attname) FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT version_num FROM alembic_version
"""

    def branch(self, name: str, after: str | None, **more: Any) -> None:
        """Write a revision that creates a table with its name."""
        create = f'op.create_table("{name}", sa.Column("id", sa.Integer))'
        self.write(name, create, f'op.drop_table("{name}")', after=after, **more)

    async def expand(self, to: str = "heads") -> None:
        """Apply what can be applied before a deploy."""
        self.give("phase=expand")
        await self.run(MetaData(), lambda config: command.upgrade(config, to))
        self.give()


@pytest.fixture
async def branches(
    tmp_path: Path, fresh_database_url: URL, pytestconfig: pytest.Config
) -> Branches:
    """A project with one revision."""
    branches = await Branches.create(tmp_path, fresh_database_url, pytestconfig.rootpath)
    branches.branch("first", None)
    return branches


@pytest.mark.sampled(3)
@pytest.mark.parametrize("names", [*permutations("abcd")], ids="".join)
async def test_expand_applies_each_branch_up_to_its_contract(
    branches: Branches, names: tuple[str, ...]
) -> None:
    """Alembic orders branches by chance, so each name is tried in each place."""
    expand, contract, other, later = names
    branches.branch(expand, "first")
    branches.branch(contract, expand, phase="contract")
    branches.branch(other, "first")
    branches.branch(later, other)
    branches.write("merge", after=(later, contract))

    await branches.expand("head")

    assert await branches.connected(read_heads) == sorted([expand, later])
    await branches.run(MetaData(), upgrade)
    assert await branches.connected(read_heads) == ["merge"]


async def test_expand_leaves_what_depends_on_a_contract(branches: Branches) -> None:
    branches.branch("a", "first", phase="contract")
    branches.branch("b", "first")
    branches.branch("c", "b", needs="a")
    branches.branch("d", "c")

    await branches.expand()

    assert await branches.connected(read_heads) == ["b"]
    await branches.run(MetaData(), lambda config: command.upgrade(config, "heads"))
    assert await branches.connected(read_heads) == ["d"]


@pytest.mark.parametrize("needs", [None, "b"])
async def test_a_script_of_branches_does_the_same(branches: Branches, needs: str | None) -> None:
    branches.branch("a", "first")
    branches.branch("b", "first")
    branches.branch("c", "a", needs=needs)
    branches.branch("d", "b")
    branches.write("merge", after=("c", "d"))
    await branches.run(MetaData(), upgrade)
    upgraded = await branches.catalogue()
    await branches.run(MetaData(), lambda config: command.downgrade(config, "a"))
    downgraded = await branches.catalogue()
    await branches.connected(own_migrations.empty)

    psql(branches.url, await branches.script(command.upgrade, "base:head"))
    assert await branches.catalogue() == upgraded
    psql(branches.url, await branches.script(command.downgrade, "merge:a"))
    assert await branches.catalogue() == downgraded


async def test_a_merge_is_judged_and_the_next_revision_follows_it(branches: Branches) -> None:
    branches.branch("a", "first")
    branches.branch("b", "first")
    await branches.run(MetaData(), lambda config: command.upgrade(config, "heads"))
    with pytest.raises(CommandError, match="Multiple heads are present"):
        await branches.run(models(), own_migrations.write)
    assert len([*branches.versions.glob("*.py")]) == 3
    await branches.run(MetaData(), lambda config: command.merge(config, "heads", message="both"))

    assert lint(branches.config) == []
    await branches.run(MetaData(), upgrade)
    script = await branches.revise(models())

    assert script.count("op.add_column(") == 1


async def test_several_heads_or_parents_are_explained_in_one_sentence(project: Project) -> None:
    for name in "ab":
        project.write(name, 'op.execute("SELECT 1")', 'op.execute("SELECT 2")')

    assert said(project, "upgrade", "head") == HEADS
    project.alembic("upgrade", "heads")
    assert said(project, "downgrade", "-1") == SEVERAL
    assert said(project, "upgrade", "+1") == SEVERAL
    project.write("merge", after=("a", "b"))
    project.alembic("upgrade", "head")
    assert said(project, "downgrade", "-1") == SEVERAL
    project.alembic_all("downgrade a", "upgrade head", "downgrade base")


async def test_the_own_test_takes_back_the_revisions_of_branches(
    project: Project, fresh_database_url: URL
) -> None:
    project.write("a", after="0001")
    project.write("b", after="a")
    project.write("c", after="0001")
    project.write("d", after="c")
    # An operation that commits refuses a transaction that an earlier command left open.
    index = '"ix", "users", ["bio"]); op.drop_index_concurrently("ix", table_name="users"'
    project.write("merge", *[f"op.create_index_concurrently({index})"] * 2, after=("b", "d"))
    project.alembic("upgrade", "head")

    await test_migrations.test_every_revision_can_be_taken_back_and_applied_again(
        Config(toml_file=project.root / "pyproject.toml"), fresh_database_url
    )


def models() -> MetaData:
    """Return the tables of three revisions. One of them has another column."""
    metadata = MetaData()
    for name in ("first", "a", "b"):
        Table(name, metadata, Column("id", Integer))
    metadata.tables["a"].append_column(Column("name", Text))
    return metadata


def said(project: Project, *command: str) -> str:
    """Return the last line of a command that must fail."""
    code, output = project.attempt(*command)
    assert code != 0
    return output.splitlines()[-1].removeprefix("FAILED: ")
