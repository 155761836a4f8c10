"""The database for development starts by one command, and nobody else gets in."""

import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, attempt, commit, git, just, run

pytestmark = pytest.mark.slow


def test_the_development_database_is_started_stopped_and_kept(
    render: Render, open_directory: Path
) -> None:
    own = render(open_directory / "shop")
    commit(own, "Render")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    example = own / ".env.example"
    example.write_text(example.read_text().replace("5432", port))
    run(["uv", "sync", "--quiet"], own)
    try:
        interrupted(own)
        first = both_at_once(own)
        assert "wrote .env as in .env.example, with a random password" in first
        assert first.count(f"embedded, data in .postgres, port {port}, database shop") == 2
        just(own, "migrate")
        just(own, "seed")
        assert "embedded" in just(own, "db", "up", **NO_DOCKER)  # a second call changes nothing
        check_that_nobody_else_gets_in(own)

        assert "stopped" in just(own, "db", "down", **NO_DOCKER)
        down = attempt(["uv", "run", "just", "db", "status"], own, **NO_DOCKER)
        assert down.returncode != 0
        assert "Traceback" not in down.stdout

        assert "wrote .env" not in just(own, "db", **NO_DOCKER)
        assert "nobody, since all users exist" in just(own, "seed")
        another = (own / ".env").read_text().replace("/shop\n", "/another\n")
        (own / ".env").write_text(another)
        assert "database another" in just(own, "db", **NO_DOCKER)
        just(own, "migrate")
        (own / ".env").rename(own / ".env.lost")
        lost = attempt(["uv", "run", "just", "db"], own, **NO_DOCKER).stdout
        assert 'DATABASE_URL: password authentication failed for user "shop"; its data has' in lost
        (own / ".env.lost").rename(own / ".env")
        assert git(own, "status", "--porcelain") == " M .env.example\n?? uv.lock\n"
    finally:
        just(own, "db", "down", **NO_DOCKER)


def interrupted(project: Path) -> None:
    """Leave what a `just db` leaves that is killed in the middle of initdb."""
    (project / ".postgres/data.new/base").mkdir(parents=True)
    (project / ".postgres/data.new/PG_VERSION").write_text("18\n")
    (project / ".postgres/program.new").mkdir()


def both_at_once(project: Path) -> str:
    """Run `just db` twice at the same time, and return both outputs. Both must succeed."""
    command = ["sh", "-c", "uv run just db & first=$!; uv run just db && wait $first"]
    (project / ".env").unlink(missing_ok=True)
    return run(command, project, **NO_DOCKER)


def check_that_nobody_else_gets_in(project: Path) -> None:
    """Check the modes of the files, their owners, and the rights of the program's role."""
    data, root = project / ".postgres", os.geteuid() == 0
    modes = {
        path.relative_to(project).as_posix(): f"{path.stat().st_mode & 0o777:o}"
        for path in (project / ".env", data, data / "data", data / "log")
    }
    entered = "711" if root else "700"  # PostgreSQL must pass to its data as `nobody`
    assert modes == {
        ".env": "600",
        ".postgres": entered,
        ".postgres/data": "700",
        ".postgres/log": "600",
    }
    assert {path.owner() for path in data.iterdir() if path.name != "data"} <= {data.owner()}
    assert not root or (data / "data").owner() == "nobody"
    [password] = re.findall(
        r"\nDATABASE_URL=postgresql://shop:(.*)@", (project / ".env").read_text()
    )
    [secret] = re.findall(r"\nWEB_TOKEN_SECRET=(.*)\n", (project / ".env").read_text())
    assert len(password) > 40
    assert len(secret) > 40
    assert secret != password
    query = "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    rights = just(project, "psql", "--no-align", "--tuples-only", "--command", query)
    assert rights.split() == ["f|f"]
    program = ["just", "psql", "--command", "COPY (SELECT 1) TO PROGRAM 'true'"]
    refused = attempt(["uv", "run", *program], project)
    assert "permission denied to COPY to or from an external program" in refused.stdout


@pytest.mark.requires("root")
def test_root_uses_no_directory_that_belongs_to_somebody_else(shop: Path, tmp_path: Path) -> None:
    theirs, link = tmp_path / "theirs", tmp_path / "link"
    theirs.mkdir()
    shutil.chown(theirs, "nobody")
    link.symlink_to(tmp_path)
    script = (
        "import sys; from pathlib import Path\n"
        "from tools.embedded import Cluster, ServerError, find_binaries\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        Cluster(Path(name), find_binaries())\n"
        "    except ServerError as error:\n"
        "        print(error)\n"
    )
    output = run(["uv", "run", "--quiet", "python", "-c", script, str(theirs), str(link)], shop)

    assert output.splitlines() == [
        f"{path} is not your own directory: delete it" for path in (theirs, link)
    ]
    assert [*theirs.iterdir()] == []
