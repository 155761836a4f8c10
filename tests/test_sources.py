"""A rendered suite says which PostgreSQL it uses, obeys the environment, and leaves nothing."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, attempt, just, run

pytestmark = pytest.mark.slow


def test_unit_tests_start_no_server(shop: Path) -> None:
    output = just(
        shop, "test", "tests/unit", TEST_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/nowhere"
    )

    assert re.search(r"\d+ passed", output)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"TEST_POSTGRES": "docker", **NO_DOCKER}, "asks for docker, but Docker does not answer"),
        ({"TEST_POSTGRES": "mysql"}, "is 'mysql': write docker or embedded, or unset it"),
        (
            {"TEST_DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/nowhere"},
            "no server accepts TEST_DATABASE_URL",
        ),
        (
            {"TEST_DATABASE_URL": "mysql://me:secret@localhost/x"},
            "TEST_DATABASE_URL is not valid: it must begin",
        ),
        (
            {"TEST_POSTGRES": "docker", "TEST_POSTGRES_IMAGE": "no.such.host/postgres:0"},
            "could not start no.such.host/postgres:0",
        ),
    ],
)
def test_a_missing_server_that_was_asked_for_fails_with_one_sentence(
    shop: Path, environment: dict[str, str], sentence: str
) -> None:
    result = attempt(["uv", "run", "pytest", "tests/db", "-x", "-q"], shop, **environment)

    assert result.returncode != 0
    assert sentence in result.stdout
    assert "secret" not in result.stdout
    assert "Traceback" not in result.stdout


def test_your_own_server_is_used_and_not_changed(shop: Path) -> None:
    script = (
        "list() { uv run python -m tools.psql --no-align --tuples-only"
        " --command 'SELECT datname FROM pg_database ORDER BY 1'; }\n"
        "before=$(list); TEST_DATABASE_URL=$DATABASE_URL uv run pytest -n 2; after=$(list)\n"
        'test "$before" = "$after" && echo nothing is left: $after\n'
    )

    output = run(
        ["uv", "run", "python", "-m", "tools.throwaway", "sh", "-e", "-c", script],
        shop,
        **NO_DOCKER,
    )

    assert "PostgreSQL: external, because TEST_DATABASE_URL is set" in output
    assert "nothing is left: postgres template0 template1" in output


@pytest.mark.skipif(os.name != "posix", reason="the test kills a process group")
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_killed_run_leaves_no_server_and_no_directory(
    shop: Path, tmp_path: Path, open_directory: Path, workers: str
) -> None:
    (shop / "tests/test_wait.py").write_text(
        "import pathlib, threading\n\n\n"
        "def test_waits(database_url: object) -> None:\n"
        f"    pathlib.Path({str(tmp_path)!r}, 'started').touch()\n"
        "    threading.Event().wait(60)\n"
    )
    try:
        process = subprocess.Popen(
            [shop / ".venv/bin/pytest", "tests/test_wait.py", "-n", workers],
            cwd=shop,
            env=os.environ | NO_DOCKER | {"TMPDIR": str(open_directory)},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until((tmp_path / "started").exists, "the test started")
        assert servers_in(open_directory)
        process.kill()
        process.wait()
        wait_until(lambda: not servers_in(open_directory), "the server was stopped")
        wait_until(lambda: not any(open_directory.glob("postgres*")), "its files were deleted")
    finally:
        (shop / "tests/test_wait.py").unlink()


def servers_in(directory: Path) -> list[int]:
    """Return the PostgreSQL servers that have their data below a directory."""
    servers = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode()
        except OSError:  # it ended meanwhile
            continue
        if str(directory) in command and "postgres" in command.partition("\0")[0]:
            servers.append(int(process.name))
    return servers


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until another process has done something that it does not report."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"after {seconds:g} s this has not happened: {what}")
        time.sleep(0.05)
