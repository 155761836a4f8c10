"""Revisions that people write by hand, and branches that they merge."""

import ast
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, commit, edit, just, run

pytestmark = pytest.mark.slow


@pytest.fixture
def own(render: Render, tmp_path: Path) -> Path:
    """A project that the test may change."""
    project = render(tmp_path / "shop")
    commit(project, "Render")
    return project


def on_a_server(project: Path, script: str) -> str:
    """Run a shell script on a temporary, migrated PostgreSQL that DATABASE_URL names."""
    command = ["uv", "run", "--quiet", "python", "-m", "tools.throwaway", "sh", "-e", "-c", script]
    return run(command, project, **NO_DOCKER)


def revision(project: Path, slug: str) -> Path:
    """Return the file of a revision."""
    [file] = (project / "migrations/versions").glob(f"*_{slug}.py")
    return file


def test_a_revision_by_hand_begins_empty_and_passes_every_check(own: Path) -> None:
    on_a_server(own, 'uv run alembic revision --message "a function"')

    file = revision(own, "a_function")
    text = file.read_text()
    assert "import sqlalchemy as sa\nfrom alembic import op\n" in text
    assert 'phase = "expand"' in text
    up, down = "CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1", "DROP FUNCTION one()"
    for function, statement in {"upgrade": up, "downgrade": down}.items():
        empty = f"def {function}() -> None:\n    pass\n"
        edit(file, empty, empty.replace("pass", f'op.execute("{statement}")'))
    on_a_server(own, "uv run just rollback; uv run alembic upgrade +1; uv run alembic check")
    just(own, "format", "lint", "types", "revisions", **NO_DOCKER)
    just(own, "test", "tests/db/test_migrations.py", **NO_DOCKER)


READS = '''"""titles"""

import sqlalchemy as sa
from alembic import op

revision = "titles"
down_revision = "0001"
branch_labels = None
depends_on = None
phase = "expand"
ignore = {"not-sql": "Python knows the titles"}
irreversible = "the earlier titles are gone"


def upgrade() -> None:
    for (key,) in op.get_bind().execute(sa.text("SELECT id FROM posts")).all():
        change = sa.text("UPDATE posts SET title = 'Ä' WHERE id = :key")
        op.get_bind().execute(change, {"key": key})


def downgrade() -> None:
    pass
'''


def test_a_revision_may_ask_the_database_if_it_gives_the_reason(own: Path) -> None:
    (own / "migrations/versions/titles.py").write_text(READS)

    just(own, "revisions", **NO_DOCKER)
    output = just(own, "test", "-rs", "tests/db/test_migrations.py", **NO_DOCKER)

    assert "a revision gives the reason why it cannot be written as SQL" in output


MESSAGES = ['say """no"""', r"drop \d and \N{x}\\", "it's", '"', "", "añadir 列"]


def test_a_message_of_any_letters_makes_a_file_that_is_python(own: Path, tmp_path: Path) -> None:
    for number, message in enumerate(MESSAGES):
        (tmp_path / str(number)).write_text(message)
    each = f'uv run alembic revision --message "$(cat {tmp_path}/$number)"'

    on_a_server(own, f"for number in $(seq 0 {len(MESSAGES) - 1}); do {each}; done")

    files = (own / "migrations/versions").glob("2*.py")
    texts = [ast.get_docstring(ast.parse(file.read_text()), clean=False) or "" for file in files]
    said = sorted(text.partition("\n")[0].strip() for text in texts)
    assert said == sorted(MESSAGES)


def test_two_heads_are_merged(own: Path) -> None:
    script = (
        "uv run alembic revision --message one\n"
        "uv run alembic revision --message two --head 0001 --splice\n"
        "uv run alembic merge heads --message both\n"
        "uv run just migrate\n"
        "uv run just history\n"
        "uv run alembic current --check-heads\n"
    )

    output = on_a_server(own, script)

    assert "(mergepoint)" in output
    assert "pass" in revision(own, "both").read_text()
    just(own, "format", "lint", "revisions", **NO_DOCKER)
    just(own, "test", "tests/db/test_migrations.py", **NO_DOCKER)
