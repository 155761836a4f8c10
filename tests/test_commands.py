"""The commands of a project that people use every day."""

import re
import socket
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, ROOT, Render, attempt, commit, edit, git, just, run

pytestmark = pytest.mark.slow


@pytest.fixture
def own(render: Render, tmp_path: Path) -> Path:
    """A project that the test may change."""
    project = render(tmp_path / "shop")
    commit(project, "Render")
    return project


def on_a_server(project: Path, script: str, **environment: str) -> str:
    """Run a shell script on a temporary, migrated PostgreSQL that DATABASE_URL names."""
    command = ["uv", "run", "--quiet", "python", "-m", "tools.throwaway", "sh", "-e", "-c", script]
    return run(command, project, **NO_DOCKER, **environment)


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


def test_seeding_twice_does_no_harm(shop: Path) -> None:
    output = on_a_server(shop, "uv run just seed; uv run just seed")

    assert "added: ada, grace, barbara" in output
    assert "added: nobody, since all users exist" in output


def test_an_import_that_breaks_off_goes_on_and_what_it_rejected_can_be_corrected(
    shop: Path, tmp_path: Path
) -> None:
    posts, rejects = tmp_path / "posts.csv", tmp_path / "posts.rejected.csv"
    lines = ["author,title,body", "nobody,1,…", *(f"ada,{number},…" for number in range(2, 10))]
    lines[7] = "ada,,…"  # the import reads it and breaks off; it must be reported once
    posts.write_text("\n".join([*lines[:8], f"ada,8,{'too long' * 20_000}", lines[9]]))
    corrected = tmp_path / "corrected.csv"
    corrected.write_text("\n".join(lines))
    script = (
        "uv run just seed; "
        f"uv run just import-posts '{posts}' --batch 3 && exit 1; "
        f"mv '{rejects}' '{tmp_path}/corrected.rejected.csv'; "
        f"uv run just import-posts '{corrected}' --batch 3 --skip 6 && exit 1; "
        f"sed 's/^nobody,/ada,/; s/^ada,,/ada,7,/' '{tmp_path}/corrected.rejected.csv' > '{rejects}'; "
        f"uv run just import-posts '{rejects}'; "
        "uv run just psql --tuples-only"
        " --command 'SELECT title FROM posts WHERE length(title) = 1 ORDER BY title'"
    )

    output = on_a_server(shop, script)

    assert "imported: 5, rejected: 1\nthe import is not complete: continue with --skip 6" in output
    assert "import_posts: field larger than field limit" in output
    assert "Traceback" not in output
    assert "imported: 2, rejected: 1" in output
    assert "imported: 2, rejected: 0" in output
    assert output.split()[-9:] == [f"{number}" for number in range(1, 10)]
    reported = (tmp_path / "corrected.rejected.csv").read_text().splitlines()
    assert reported == [
        "author,title,body,line,reason",
        "nobody,1,…,1,author: there is no user nobody",
        "ada,,…,7,title: String should have at least 1 character",
    ]
    assert not (tmp_path / "posts.rejected.rejected.csv").exists()


@pytest.mark.parametrize(
    ("command", "code"),
    # just reports the signal, after the worker has ended.
    [(".venv/bin/python -m shop.entrypoints.worker", 0), ("uv run just worker", 143)],
)
def test_a_worker_that_is_told_to_stop_ends_well(
    shop: Path, tmp_path: Path, command: str, code: int
) -> None:
    log = tmp_path / "log"
    script = (
        f"{command} 2> '{log}' & "
        f"tail --pid $! --follow=name --retry '{log}' 2> /dev/null | grep --quiet 'has begun'; "
        "kill -TERM $!; code=0; wait $! || code=$?; echo ended with $code"
    )

    assert f"ended with {code}\n" in on_a_server(shop, script)

    assert "the worker has ended; posts published: 0" in log.read_text()


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


def test_the_development_database_is_started_stopped_and_kept(
    render: Render, open_directory: Path
) -> None:
    own = render(open_directory / "shop")
    commit(own, "Render")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    example = own / ".env.example"
    example.write_text(example.read_text().replace("5432", port))
    try:
        first = just(own, "db", **NO_DOCKER)
        assert "copied .env.example to .env" in first
        assert f"embedded, data in .postgres, port {port}, database shop" in first
        just(own, "migrate")
        just(own, "seed")
        assert "embedded" in just(own, "db", "up", **NO_DOCKER)  # a second call changes nothing

        assert "stopped" in just(own, "db", "down", **NO_DOCKER)
        down = attempt(["uv", "run", "just", "db", "status"], own, **NO_DOCKER)
        assert down.returncode != 0
        assert "Traceback" not in down.stdout

        assert "copied .env.example" not in just(own, "db", **NO_DOCKER)
        assert "nobody, since all users exist" in just(own, "seed")
        assert git(own, "status", "--porcelain") == " M .env.example\n?? uv.lock\n"
    finally:
        just(own, "db", "down", **NO_DOCKER)


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
    just(own, "check", **NO_DOCKER)  # the revision is formatted, typed, and agrees with the models


def test_a_change_is_written_and_deployed_as_the_documents_say(own: Path) -> None:
    document = (ROOT / "docs/migrations.md").read_text()
    [shown] = re.findall(r"```python\n(# phase.*?)```", document, re.DOTALL)
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
    for text, part in zip((expand, contract), shown.split("\n\n"), strict=True):
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
