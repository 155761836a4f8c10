"""The commands of a project that people use every day."""

import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.helpers import (
    NO_DOCKER,
    Render,
    a_server,
    attempt,
    commit,
    edit,
    git,
    just,
    on_a_server,
    run,
)
from tests.snippets import snippet

pytestmark = pytest.mark.slow

RUN = [SHOWN := snippet("docs/migrations.md", '# phase = "expand"')]


@pytest.fixture
def own(render: Render, tmp_path: Path) -> Path:
    """A project that the test may change."""
    project = render(tmp_path / "shop")
    commit(project, "Render")
    return project


def test_the_demo_uses_the_database_it_is_given_and_adds_to_it(shop: Path) -> None:
    output = on_a_server(
        shop,
        "uv run just demo; uv run just demo;"
        " uv run just psql --tuples-only --command 'SELECT count(*) FROM users'",
    )

    assert output.count("using the database that DATABASE_URL names") == 2
    assert output.split()[-1] == "4"


def test_the_demo_migrates_no_database_that_it_is_given(shop: Path) -> None:
    output = on_a_server(
        shop,
        "uv run just rollback; uv run just demo && exit 1;"
        " uv run just psql --command 'SELECT * FROM alembic_version'",
    )

    assert "not at the newest revision: run `uv run just migrate`" in output
    assert "(0 rows)" in output


@pytest.mark.parametrize("command", [["just", "migrate"], ["just", "shell"], ["just", "seed"]])
def test_a_program_without_a_database_refuses_with_one_sentence(
    shop: Path, command: list[str]
) -> None:
    result = attempt(["uv", "run", "--quiet", *command], shop)

    assert result.returncode != 0
    assert "DATABASE_URL is not set; see .env.example" in result.stdout
    assert "Traceback" not in result.stdout


def test_the_demo_says_why_it_cannot_begin(own: Path) -> None:
    demo, url = ["uv", "run", "--quiet", "just", "demo"], "postgresql://me:no@127.0.0.1:1/headless"
    lost = attempt(demo, own, **NO_DOCKER, DATABASE_URL=url).stdout
    [first] = (own / "migrations/versions").glob("0001*")
    edit(first, "def upgrade() -> None:\n", "def upgrade() -> None:\n    op.execute('SELEC')\n")

    broken = attempt(demo, own, **NO_DOCKER)

    assert 'the database "headless" at 127.0.0.1 cannot be reached' in lost
    assert "SELEC" in broken.stdout
    assert "the migration failed, see above" in broken.stdout
    assert broken.returncode != 0
    assert "Traceback" not in broken.stdout


def test_the_demo_of_tenants_creates_no_role_on_a_server_that_it_is_given(
    render: Render, tmp_path: Path
) -> None:
    project = render(tmp_path / "shop", multi_tenancy="rls")
    script = (
        "unset THROWAWAY_POSTGRES; uv run just demo || true;"
        " uv run just psql --tuples-only --command 'SELECT rolname FROM pg_roles'"
    )

    output = on_a_server(project, script)

    assert "so policies do not bind it: let DATABASE_URL name another role" in output
    assert "program" not in output.split()


def test_seeding_twice_does_no_harm(shop: Path) -> None:
    output = on_a_server(shop, "uv run just seed; uv run just seed")

    assert "added: ada, grace, barbara" in output
    assert "added: nobody, since all users exist" in output


def test_the_shell_has_a_unit_of_work_and_keeps_nothing(shop: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text(
        "user = User(email='e', username='u', password_hash='h')\n"
        "user = await uow.users.add(user)\n"
        "f'{await uow.users.count()} inside'\n"
    )
    count = "uv run just psql --tuples-only --command \"SELECT count(*) || ' after' FROM users\""

    output = on_a_server(shop, f"uv run just shell < '{lines}'; {count}")

    assert "a unit of work. It is rolled back when you leave." in output
    assert "1 inside" in output
    assert "0 after" in output


@pytest.mark.skipif(os.name != "posix", reason="the test needs a terminal")
def test_ctrl_c_cancels_a_query_and_psql_goes_on(shop: Path) -> None:
    terminal, inside = os.openpty()

    def read_until(text: bytes) -> None:
        seen, end = b"", time.monotonic() + 60
        while text not in seen:
            assert process.poll() is None, seen
            assert time.monotonic() < end, seen
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 4096)

    with a_server(shop) as url:
        process = subprocess.Popen(
            [shop / ".venv/bin/python", "-m", "tools.psql", "--no-psqlrc"],
            cwd=shop,
            env=os.environ | {"DATABASE_URL": f"{url}/postgres", "PAGER": "cat"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        read_until(b"postgres=#")
        wait = b"BEGIN RAISE NOTICE 'has %', 'begun'; PERFORM pg_sleep(60); END"
        os.write(terminal, b"DO $$ " + wait + b" $$;\n")
        read_until(b"has begun")
        os.killpg(process.pid, signal.SIGINT)
        read_until(b"canceling statement")
        os.write(terminal, b"SELECT 6 * 7 AS answer;\n")
        read_until(b"42")
        os.write(terminal, b"\\q\n")

        assert process.wait(60) == 0
    os.close(terminal)
    os.close(inside)


def test_a_changed_model_becomes_a_revision_that_can_be_taken_back(own: Path) -> None:
    edit(
        own / "src/shop/models/user.py",
        "    bio: Mapped[str | None]\n",
        "    bio: Mapped[str | None]\n    status: Mapped[str | None]\n",
    )
    script = (
        'uv run just revision "add a user\'s status"\n'
        "uv run just migrate\n"
        "uv run just psql --command '\\d users'\n"
        "uv run just rollback\n"
        "uv run just history\n"
    )

    output = on_a_server(own, script)

    [revision] = (own / "migrations/versions").glob("*_*_add_a_user_s_status.py")
    assert re.match(r"\d{4}_\d\d_\d\d_\d{4}_", revision.name)
    assert "import sqlalchemy as sa" in revision.read_text()
    assert re.search(r"status\s+\| text", output)
    assert "0001 -> " in output
    # The revision is formatted, typed, and agrees with the models.
    just(own, "format", "lint", "types", "revisions", **NO_DOCKER)
    just(own, "test", "tests/db/test_migrations.py", **NO_DOCKER)


def test_a_change_is_written_and_deployed_as_the_documents_say(own: Path) -> None:
    edit(
        own / "src/shop/models/user.py",
        "    bio: Mapped[str | None]\n",
        "    bio: Mapped[str | None]\n"
        '    status: Mapped[str] = mapped_column(default="new", index=True)\n'
        '    token: Mapped[Key] = mapped_column(server_default=text("gen_random_uuid()"))\n',
    )
    edit(own / "src/shop/models/user.py", "import Base, PrimaryKey", "import Base, Key, PrimaryKey")
    script = (
        'uv run just revision "add a user\'s status"\n'
        "uv run just revisions\n"
        "uv run just migrate expand\n"
        "echo deployed\n"
        "uv run just migrate\n"
        "uv run alembic check\n"
    )

    before, after = on_a_server(own, script).split("deployed\n")

    expand, contract = sorted(
        (path.read_text() for path in (own / "migrations/versions").glob("2*.py")),
        reverse=True,
        key=lambda text: "expand" in text,
    )
    for text, part in zip((expand, contract), SHOWN.code.split("\n\n"), strict=True):
        for line in re.split(r"\n(?=op)", part.strip())[1:]:
            assert compact(line) in compact(text)
    assert "has the phase contract: apply it when the old code has ended" in before
    assert re.search(r"upgrade to \w+ \(contract\)", after)


def compact(code: str) -> str:
    """Return code without its layout."""
    return re.sub(r"\s|,(?=\s*\))", "", code)


def test_a_dependency_goes_below_the_line(own: Path) -> None:
    run(["uv", "add", "--quiet", "anyio"], own)
    run(["uv", "add", "--quiet", "--dev", "coverage"], own)

    template, yours = (own / "pyproject.toml").read_text().split("# Yours.", maxsplit=1)
    assert "anyio" not in template
    assert "anyio" in yours
    assert git(own, "diff", "--stat", "--", "pyproject.toml").count("|") == 1
    group = (own / "pyproject.toml").read_text().partition("dev = [")[2].partition("]\n")[0]
    assert group.index("# Yours.") < group.index("coverage")


def test_the_embedded_postgresql_can_be_installed_by_itself(own: Path) -> None:
    edit(own / "pyproject.toml", '    { include-group = "embedded" },\n', "")
    command = [
        "uv",
        "run",
        "python",
        "-c",
        "from tools.embedded import find_binaries as f; print(f())",
    ]
    assert "pixeltable" not in attempt(command, own).stdout

    run(["uv", "sync", "--group", "embedded"], own)

    assert "pixeltable" in run(command, own)


def test_the_lock_file_is_made_once_and_used_from_then_on(own: Path) -> None:
    assert attempt(["uv", "sync", "--locked"], own).returncode != 0  # CI and Docker run this

    run(["uv", "run", "just"], own)
    locked = (own / "uv.lock").read_bytes()
    run(["uv", "sync", "--locked"], own)
    commit(own, "Lock")
    just(own, "lint")

    assert (own / "uv.lock").read_bytes() == locked
    assert git(own, "status", "--porcelain") == ""
