"""A revision counts as applied only if it did its work, and nobody else's code ran in it."""

import secrets
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.proofs.support.revisions import Project, transaction

BY_HAND = (
    "with op.get_context().autocommit_block():\n"
    '        op.create_index("ix_users_bio", "users", ["bio"], postgresql_concurrently=True,'
    " if_not_exists=True)"
)
STEAL = "$$ BEGIN INSERT INTO public.stolen VALUES (current_user); RETURN new; END $$"


async def test_a_revision_that_left_an_invalid_index_does_not_count(
    project: Project, server: AsyncConnection
) -> None:
    path = project.write("0002", BY_HAND)
    async with transaction(project, "SELECT 1"):
        code, said = project.attempt("upgrade", "head", MIGRATION_ATTEMPTS="2")
    assert code != 0
    assert "0002 left ix_users_bio INVALID, so it does not count" in said
    assert "op.create_index_concurrently()" in said

    # A second command does not count it either. The operation that the message names builds it again.
    code, said = project.attempt("upgrade", "head")
    assert (code != 0, "INVALID" in said) == (True, True), said
    assert "0001" in project.alembic("current")
    ours = 'op.create_index_concurrently("ix_users_bio", "users", ["bio"])'
    project.replace(path, BY_HAND, ours)
    project.alembic("upgrade", "head")
    valid = text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_users_bio'::regclass")
    assert await server.scalar(valid)


async def test_an_invalid_index_of_somebody_else_stops_nobody(
    project: Project, server: AsyncConnection
) -> None:
    await server.execute(text("CREATE INDEX ix_users_bio ON users (bio)"))
    await server.execute(
        text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_users_bio'::regclass")
    )
    project.write("0002", 'op.create_index_concurrently("ix_users_bio_2", "users", ["bio"])')

    project.alembic("upgrade", "head")


@pytest.mark.parametrize(
    ("declaration", "body"),
    [
        ("async def upgrade()", 'op.add_column("users", sa.Column("nick", sa.Text()))'),
        ("def upgrade()", 'yield op.add_column("users", sa.Column("nick", sa.Text()))'),
        ("async def upgrade()", 'yield op.add_column("users", sa.Column("nick", sa.Text()))'),
    ],
)
def test_a_revision_that_nothing_runs_does_not_count(
    project: Project, declaration: str, body: str
) -> None:
    path = project.write("0002", body)
    project.replace(path, "def upgrade()", declaration)

    code, said = project.attempt("upgrade", "head")

    assert code != 0
    last = "FAILED: 0002 did not run, since Alembic does not await: write a plain `def`"
    assert said.splitlines()[-1] == last
    assert "never awaited" not in said
    assert "0001" in project.alembic("current")


@pytest.fixture
async def thief(server: AsyncConnection, fresh_database_url: URL) -> AsyncIterator[str]:
    """A role that may create schemas, and has one with the name of the role that migrates."""
    name, victim = f"thief_{secrets.token_hex(4)}", fresh_database_url.username
    for statement in (
        f"CREATE ROLE {name}",
        f'GRANT CREATE ON DATABASE "{fresh_database_url.database}" TO {name}',
        "CREATE TABLE public.stolen (what text)",
        f"SET ROLE {name}",
        f'CREATE SCHEMA "{victim}"',
        f"CREATE TABLE \"{victim}\".alembic_version AS SELECT '0001' AS version_num",
        f'CREATE TABLE "{victim}".users (id int)',
        f'CREATE FUNCTION "{victim}".steal() RETURNS trigger LANGUAGE plpgsql AS {STEAL}',
        f'CREATE TRIGGER steal AFTER INSERT OR UPDATE ON "{victim}".alembic_version '
        f'FOR EACH ROW EXECUTE FUNCTION "{victim}".steal()',
        "RESET ROLE",
    ):
        await server.execute(text(statement))
    yield name
    await server.execute(text(f"DROP OWNED BY {name} CASCADE"))
    await server.execute(text(f"DROP ROLE {name}"))


async def test_a_schema_of_somebody_else_with_the_name_of_the_role_is_not_read(
    project: Project, server: AsyncConnection, thief: str
) -> None:
    project.write(
        "0002",
        'op.add_column("users", sa.Column("nick", sa.Text()))',
        'op.drop_column("users", "nick")',
    )

    project.alembic("upgrade", "head")
    column = "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'nick'"
    places = (await server.scalars(text(column))).all()
    project.alembic_all("current --check-heads", "downgrade -1", "upgrade head")

    assert [place.rpartition(".")[2] for place in places] == ["users"]
    assert await server.scalar(text("SELECT count(*) FROM public.stolen")) == 0, thief
    assert "set_config('search_path'" in project.alembic("upgrade", "head", "--sql")


async def test_the_roles_own_schema_stays_in_the_search_path(
    project: Project, server: AsyncConnection, fresh_database_url: URL
) -> None:
    project.alembic("downgrade", "base")
    await server.execute(text("DROP TABLE alembic_version"))
    await server.execute(text(f'CREATE SCHEMA "{fresh_database_url.username}"'))

    project.alembic("upgrade", "head")

    place = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'users'"
    assert await server.scalar(text(place)) == fresh_database_url.username


async def test_the_command_shows_the_details_of_the_server(
    project: Project, server: AsyncConnection
) -> None:
    await server.execute(text("CREATE VIEW biographies AS SELECT bio FROM users"))
    path = project.write("0002", 'op.drop_column("users", "bio")')
    code, said = project.attempt("upgrade", "head")
    assert code != 0
    assert "DETAIL:  view biographies depends on column bio of table users" in said
    assert "HINT:  " in said

    path.unlink()
    users = "INSERT INTO users (id, email, username, password_hash, bio) SELECT gen_random_uuid(), n || '@x', 'u' || n, 'x', 'same' FROM generate_series(1, 2) n"
    await server.execute(text(users))
    project.write("0002", 'op.create_unique_constraint("uq", "users", ["bio"])')
    code, said = project.attempt("upgrade", "head")
    assert code != 0
    assert "DETAIL:  Key (bio)=(same) is duplicated." in said


def test_a_program_can_ask_at_its_start_whether_all_revisions_are_applied(
    project: Project,
) -> None:
    assert project.attempt("current", "--check-heads")[0] == 0

    project.write("0002", 'op.add_column("users", sa.Column("nick", sa.Text()))')

    code, said = project.attempt("current", "--check-heads")
    assert code != 0
    assert "FAILED: Database is not on all head revisions" in said


def test_a_revision_that_was_not_applied_must_be_applied_before_the_next_is_written(
    project: Project,
) -> None:
    project.write("0002", 'op.add_column("users", sa.Column("nick", sa.Text()))')

    code, said = project.attempt("revision", "--autogenerate", "--message", "next")

    assert code != 0
    assert said.splitlines()[-1] == "FAILED: the database lacks a revision: run `just migrate`"


@pytest.mark.parametrize(
    "own",
    [
        "an ambiguous price: correct it first",
        "Ambiguous prices: correct them first",
        "the copy is not up to date",
        "two parts have Multiple heads",
    ],
)
def test_the_words_of_a_revision_are_not_mistaken_for_those_of_alembic(
    project: Project, own: str
) -> None:
    project.write("0002", f"from alembic.util import CommandError; raise CommandError({own!r})")

    code, said = project.attempt("upgrade", "head")

    assert code != 0
    assert said.splitlines()[-1] == f"FAILED: {own}"


def test_a_wrong_name_in_a_revision_is_no_reason_to_migrate(project: Project) -> None:
    project.write("0002", "op.execute('UPDATE users SET bio = red')")

    code, said = project.attempt("upgrade", "head")

    assert code != 0
    last = 'FAILED: the database has no such table or column: column "red" does not exist'
    assert said.splitlines()[-1] == last
