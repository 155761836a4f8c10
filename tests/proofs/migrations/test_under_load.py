"""Measure how long writers wait for Alembic's plain operations, and for ours.

Eight writers insert into and update tables of 500,000 rows meanwhile, see `writers_load.py`.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import URL, text

from tests.db.postgres import RUN
from tests.proofs.support.revisions import Project
from tests.proofs.support.writers_load import FILL, Load, writers
from tools.sources import connect

Record = Callable[[str, object], None]

USER = "src/shop/models/user.py"
BIO = "    bio: Mapped[str | None]\n"
LOCK_TIMEOUT = 500  # in ms, the lock timeout of a migration
PATIENCE = 1000  # in ms, because the machine does other things too


class Change(NamedTuple):
    """A change of the model of users, and the plain operation for it."""

    old: str
    new: str
    plain: str


CHANGES = {
    "new index": Change(
        BIO,
        "    bio: Mapped[str | None] = mapped_column(index=True)\n",
        'op.create_index("ix_users_bio", "users", ["bio"])',
    ),
    # The model has it already, and the tables do not.
    "new foreign key": Change(
        "",
        "",
        'op.create_foreign_key("fk_posts_author_id_users", "posts", "users", ["author_id"], ["id"])',
    ),
    "new check": Change(
        'CheckConstraint("credits >= 0", name="credits_not_negative"),',
        'CheckConstraint("credits >= 0", name="credits_not_negative"),'
        ' CheckConstraint("bio !~ \'[<>]\'", name="bio_without_tags"),',
        'op.create_check_constraint("ck_users_bio_without_tags", "users", "bio !~ \'[<>]\'")',
    ),
    "new unique": Change(
        BIO,
        "    bio: Mapped[str | None] = mapped_column(unique=True)\n",
        'op.create_unique_constraint("uq_users_bio", "users", ["bio"])',
    ),
    "SET NOT NULL": Change(
        BIO, "    bio: Mapped[str]\n", 'op.alter_column("users", "bio", nullable=False)'
    ),
    "new NOT NULL column with a volatile default": Change(
        BIO,
        BIO + '    salt: Mapped[str] = mapped_column(server_default=text("md5(random()::text)"))\n',
        'op.add_column("users", sa.Column("salt", sa.Text(), nullable=False, '
        'server_default=sa.text("md5(random()::text)")))',
    ),
}


@pytest.fixture
async def projects(
    pytestconfig: pytest.Config, postgres_url: URL, template_database: str, tmp_path: Path
) -> AsyncIterator[dict[str, Project]]:
    """Two copies of the project. Each has its own database, full of rows."""
    run = pytestconfig.stash[RUN]
    filled = f"{run.prefix}filled"
    names = {kind: run.prefix + secrets.token_hex(4) for kind in ("safe", "plain")}
    async with connect(postgres_url) as server:
        # Run only one of these proofs at a time, even if there are several processes.
        await server.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": filled})
        found = text("SELECT datistemplate FROM pg_database WHERE datname = :name")
        if not await server.scalar(found, {"name": filled}):
            await server.exec_driver_sql(
                f'CREATE DATABASE "{filled}" TEMPLATE "{template_database}"'
            )
            async with connect(postgres_url.set(database=filled)) as database:
                for statement in FILL.split(";"):
                    await database.exec_driver_sql(statement)
            await server.exec_driver_sql(f'ALTER DATABASE "{filled}" WITH IS_TEMPLATE true')
        for name in names.values():
            await server.exec_driver_sql(
                f'CREATE DATABASE "{name}" TEMPLATE "{filled}" STRATEGY {run.strategy}'
            )
        yield {
            kind: Project(pytestconfig.rootpath, tmp_path / kind, postgres_url.set(database=name))
            for kind, name in names.items()
        }
        for name in names.values():
            await server.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.sampled(2)
@pytest.mark.parametrize("change", CHANGES)
def test_no_writer_waits_long_for_the_operations_of_autogenerate(
    change: str, projects: dict[str, Project], record_property: Record
) -> None:
    old, new, plain = CHANGES[change]
    if new:
        projects["safe"].edit(USER, old, new)
    projects["safe"].revise(change)
    projects["plain"].write("plain", plain)
    stock = stock_environment(projects["plain"])

    safe = under_load(projects["safe"], "upgrade", "head")
    unsafe = under_load(projects["plain"], *stock, "upgrade", "head")

    ratio = unsafe.longest / safe.longest
    record_property(
        f"{change}: longest wait of a writer",
        f"plain {unsafe.longest:.0f} ms, safe {safe.longest:.0f} ms, ratio {ratio:.1f} "
        f"({unsafe.writes} and {safe.writes} writes)",
    )
    assert not safe.errors
    assert safe.longest < LOCK_TIMEOUT + PATIENCE
    assert unsafe.longest < PATIENCE or safe.longest < unsafe.longest


def test_the_longest_wait_without_a_migration_is_measured(
    projects: dict[str, Project], record_property: Record
) -> None:
    load = under_load(projects["safe"], "upgrade", "head")

    record_property("no migration: longest wait of a writer", f"{load.longest:.0f} ms")
    assert not load.errors
    assert load.longest < PATIENCE


def stock_environment(project: Project) -> list[str]:
    """Create Alembic's own environment beside the project's. Return the options that choose it."""
    stock = project.root / "stock"
    stock.mkdir()
    options = ["--config", "stock/alembic.ini"]
    project.alembic(*options, "init", "--template", "async", "stock/migrations")
    project.edit(
        "stock/alembic.ini",
        "sqlalchemy.url = driver://user:pass@localhost/dbname",
        f"sqlalchemy.url = {project.url.replace('postgresql:', 'postgresql+asyncpg:')}\n"
        f"version_locations = {project.root}/migrations/versions",
    )
    return options


def under_load(project: Project, *command: str) -> Load:
    """Run a command of Alembic while others write."""
    with writers(project.url) as load:
        project.alembic(*command)
    return load
