"""The example's import and worker say what happens, and end well."""

import re
import shlex
from pathlib import Path

import pytest

from tests.helpers import Render, attempt, on_a_server, run

pytestmark = pytest.mark.slow


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
    ("header", "sentence"),
    [
        (None, "import_posts: [Errno 2] No such file or directory"),
        ("author;title;body", "the first line lacks columns: author, title, body"),
        ("author,name,body", "the first line lacks columns: title"),
        ("", "the first line lacks columns: author, title, body"),
    ],
)
def test_an_import_that_cannot_begin_says_why_and_leaves_no_report(
    shop: Path, tmp_path: Path, header: str | None, sentence: str
) -> None:
    posts = tmp_path / "posts.csv"
    if header is not None:
        posts.write_text(f"{header}\nada,1,…\n" if header else "")

    result = attempt(["uv", "run", "--quiet", "just", "import-posts", str(posts)], shop)

    assert result.returncode != 0
    assert sentence in " ".join(result.stdout.split())
    assert "--skip" not in result.stdout
    assert "Traceback" not in result.stdout
    assert [path.name for path in tmp_path.glob("*.csv")] == (
        [] if header is None else [posts.name]
    )


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

    line = r"^\d{4}-\S+ \S+ INFO \S+: the worker has ended; posts published: 0$"
    assert re.search(line, log.read_text(), re.MULTILINE)


def test_the_worker_logs_why_a_transaction_runs_again(shop: Path) -> None:
    script = (
        "import asyncio\n"
        "from shop.db import retry\n"
        "from shop.db.errors import DeadlockDetected\n"
        "from shop.entrypoints import worker\n"
        "outcomes = [DeadlockDetected('two rows in two orders'), None]\n"
        "async def once() -> None:\n"
        "    if error := outcomes.pop(0):\n"
        "        raise error\n"
        "worker.work = lambda *_: retry(once)\n"
        "asyncio.run(worker.main())\n"
    )
    url = "postgresql://nobody@127.0.0.1:1/none"  # nothing connects

    output = run(["uv", "run", "--quiet", "python", "-c", script], shop, DATABASE_URL=url)

    assert re.search(r"running again in \d\.\d\d s after: two rows in two orders", output)
    assert "stamina.retry_scheduled" not in output


def test_programs_work_for_the_organisation_that_is_named(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop", multi_tenancy="rls")
    (tmp_path / "posts.csv").write_text("author,title,body\nada,1,…\n")
    script = f"""
        uv run just seed; uv run just seed; uv run just demo
        uv run just import-posts example '{tmp_path}/posts.csv'
        uv run just import-posts demo '{tmp_path}/posts.csv' || true
        uv run just import-posts nobody '{tmp_path}/posts.csv' || true
        echo 'print(await uow.users.count(), "users")' | uv run just organisation example -m tools.shell
    """

    output = on_a_server(project, f"uv run python -m tools.roles sh -c {shlex.quote(script)}")

    assert "added: ada, grace, barbara" in output
    assert "added: nobody, since all users exist" in output
    assert output.count("imported: 1, rejected: 0") == 1
    assert output.count("imported: 0, rejected: 1") == 1  # the demo has no user called ada
    assert "organisation: nobody is not known" in output
    assert "Done." in output
    assert "3 users" in output
    assert "Traceback" not in output
