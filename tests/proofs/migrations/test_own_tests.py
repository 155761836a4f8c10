"""The tests that each project has accept what a revision may do, and name what is wrong."""

from collections.abc import Awaitable, Callable

import pytest
from alembic.config import Config
from sqlalchemy import (
    URL,
    CheckConstraint,
    Column,
    Enum,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import conv

from shop.models import Base
from tests.db import test_conventions, test_migrations
from tests.proofs.support.revisions import Project

UPGRADE = """op.execute("CREATE FUNCTION make_code() RETURNS text LANGUAGE sql AS 'SELECT md5(random()::text)'")
    op.execute("CREATE TYPE size AS ENUM ('small', 'large')")
    op.execute("ALTER TYPE size ADD VALUE 'medium' BEFORE 'large'")
    op.execute("CREATE TABLE codes (code text NOT NULL DEFAULT make_code(), size size NOT NULL,"
               " number int CONSTRAINT ck_codes_number CHECK (number > 0),"
               " CONSTRAINT pk_codes PRIMARY KEY (code), CONSTRAINT old_name UNIQUE (number))")
    op.execute("CREATE VIEW totals AS SELECT size, count(*) AS number FROM codes GROUP BY size")
    op.execute("CREATE MATERIALIZED VIEW kept AS SELECT * FROM totals")
    op.execute("CREATE UNIQUE INDEX ix_kept ON kept (size)")
    op.execute("CREATE TABLE theirs (id int PRIMARY KEY)")
    op.execute("CREATE TABLE logs (at int) PARTITION BY RANGE (at)")
    op.execute("CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (2)")"""
ENVIRONMENT = """
from shop.db.migrations import run_migrations
from shop.models import Base

run_migrations(Base.metadata, include_object=lambda _, name, *__: name not in {"theirs", "totals"})
"""


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> MetaData:
    """The metadata of the models, with more tables for this test only."""
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.tables.values():
        table.to_metadata(metadata)
    monkeypatch.setattr(Base, "metadata", metadata)
    Table(
        "codes",
        metadata,
        Column("code", Text, primary_key=True, server_default=text("make_code()")),
        Column("size", Enum("small", "medium", "large", name="size"), nullable=False),
        Column("number", Integer),
        CheckConstraint("number > 0", name="number"),
        UniqueConstraint("number", name=conv("old_name")),
    )
    Table("logs", metadata, Column("at", Integer), postgresql_partition_by="RANGE (at)")
    Table("totals", metadata, Column("size", Text, primary_key=True), Column("number", Integer))
    Table("theirs", metadata, Column("id", Text, primary_key=True))
    return metadata


@pytest.fixture
def alembic(project: Project, metadata: MetaData) -> Config:
    """The configuration of a project whose revision makes this, and more than tables."""
    project.write("0002", UPGRADE)
    (project.root / "migrations/env.py").write_text(ENVIRONMENT)
    project.alembic("upgrade", "head")
    return Config(toml_file=project.root / "pyproject.toml")


async def test_functions_types_views_and_what_the_environment_leaves_out_are_no_difference(
    alembic: Config, fresh_database_url: URL
) -> None:
    await test_migrations.test_the_models_and_the_migrations_make_the_same_tables(
        alembic, fresh_database_url
    )


async def test_a_difference_is_named_with_the_side_that_has_it(
    alembic: Config, fresh_database_url: URL, metadata: MetaData
) -> None:
    [check] = (
        each for each in metadata.tables["codes"].constraints if isinstance(each, CheckConstraint)
    )
    check.sqltext = text("number > 5")

    with pytest.raises(AssertionError) as failure:
        await test_migrations.test_the_models_and_the_migrations_make_the_same_tables(
            alembic, fresh_database_url
        )

    assert [line.strip() for line in str(failure.value).splitlines()[:2]] == [
        "only the migrations make: codes ck_codes_number CHECK ((number > 0))",
        "only the models make: codes ck_codes_number CHECK ((number > 5))",
    ]


@pytest.mark.parametrize(
    "test",
    [
        test_migrations.test_the_models_are_what_the_migrations_build,
        test_migrations.test_every_revision_can_be_taken_back_and_applied_again,
    ],
)
async def test_a_model_without_a_revision_fails_with_the_command_to_write_one(
    alembic: Config,
    fresh_database_url: URL,
    metadata: MetaData,
    test: Callable[[Config, URL], Awaitable[None]],
) -> None:
    Table("forgotten", metadata, Column("id", Integer, primary_key=True))

    with pytest.raises(pytest.fail.Exception, match=r"(?s)`just revision MESSAGE`: .*forgotten"):
        await test(alembic, fresh_database_url)


async def test_a_downgrade_that_leaves_something_behind_is_blamed(
    project: Project, fresh_database_url: URL
) -> None:
    left = 'op.execute("CREATE TABLE IF NOT EXISTS left_behind (id int)")'
    project.write("0002", downgrade=left)
    project.alembic("upgrade", "head")
    alembic = Config(toml_file=project.root / "pyproject.toml")

    with pytest.raises(pytest.fail.Exception, match=r"(?s)a downgrade left .*: .*left_behind"):
        await test_migrations.test_every_revision_can_be_taken_back_and_applied_again(
            alembic, fresh_database_url
        )


def test_the_conventions_accept_the_names_of_an_old_database(metadata: MetaData) -> None:
    table = metadata.tables["codes"]
    plain = Table("plain", metadata, Column("number", Integer))
    plain.append_constraint(UniqueConstraint("number", name="old_name"))

    def sentences(table: Table) -> list[str]:
        return [sentence for _, sentence in test_conventions.violations([table], [])]

    assert sentences(table) == []
    assert sentences(plain) == ['plain: "old_name" must be "uq_plain_number"']
