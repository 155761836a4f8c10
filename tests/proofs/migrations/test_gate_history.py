"""The gate judges new revisions, refuses changes of old ones, and prints clear messages."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL

from shop.db.migrations.gate import lint
from tests.proofs.support.revisions import Project
from tests.proofs.support.unsafe_revisions import UNDO

DELETE = 'op.execute("DELETE FROM comments")'
CHANGED = "applied-revision-changed"


def git(directory: Path, *arguments: str) -> None:
    ada = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *ada, *arguments], cwd=directory, check=True, capture_output=True)


def commit(directory: Path) -> None:
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", "Work")


@pytest.fixture
def copy(pytestconfig: pytest.Config, tmp_path: Path) -> Project:
    """A copy of the project in a directory of a repository, on its own branch."""
    copy = Project(pytestconfig.rootpath, tmp_path / "copy", URL.create("postgresql"))
    copy.write("0002_größe", DELETE, UNDO)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    git(tmp_path, "switch", "--quiet", "--create", "work")
    return copy


def lint_copy(project: Project) -> list[tuple[str, str]]:
    found = lint(Config(toml_file=project.root / "pyproject.toml"))
    return [(each.file.name, each.rule) for each in found]


def versions(project: Project) -> Path:
    return project.root / "migrations/versions"


def test_revisions_of_the_main_branch_are_not_judged(copy: Project) -> None:
    assert lint_copy(copy) == []


@pytest.mark.parametrize("committed", [False, True])
def test_revisions_that_the_main_branch_does_not_have_are_judged(
    copy: Project, committed: bool
) -> None:
    copy.write("0003", DELETE, UNDO, after="0002_größe")
    if committed:
        commit(copy.root)

    assert lint_copy(copy) == [("0003.py", "data-change")]


def test_a_revision_that_only_the_main_branch_has_does_not_count_as_deleted(
    copy: Project, tmp_path: Path
) -> None:
    git(tmp_path, "switch", "--quiet", "main")
    theirs = copy.write("0003", DELETE, UNDO, after="0002_größe")
    commit(tmp_path)
    git(tmp_path, "switch", "--quiet", "work")

    assert not theirs.exists()
    assert lint_copy(copy) == []


def test_the_main_branch_of_the_origin_counts(copy: Project, tmp_path: Path) -> None:
    copy.write("0003", DELETE, UNDO, after="0002_größe")
    commit(tmp_path)
    git(tmp_path, "switch", "--quiet", "main")
    git(tmp_path, "merge", "--quiet", "work")
    assert lint_copy(copy) == []

    git(tmp_path, "update-ref", "refs/remotes/origin/main", "main~1")
    assert lint_copy(copy) == [("0003.py", "data-change")]


def test_an_applied_revision_that_is_edited_is_found(copy: Project) -> None:
    path = versions(copy) / "0001_users_posts_comments.py"
    copy.edit(f"migrations/versions/{path.name}", '    op.drop_table("posts")\n', "")

    [finding] = lint(Config(toml_file=copy.root / "pyproject.toml"))
    assert (finding.file, finding.rule) == (path, CHANGED)
    assert "will not see the change: write a new revision" in finding.sentence


def test_a_new_layout_of_an_applied_revision_is_no_change(copy: Project) -> None:
    path = versions(copy) / "0001_users_posts_comments.py"
    text = path.read_text()
    path.write_text(
        text.replace('    op.drop_table("posts")\n', '    op.drop_table(\n"posts")  # !\n')
    )

    assert path.read_text() != text
    assert lint_copy(copy) == []


def test_an_applied_revision_that_is_deleted_is_found(copy: Project) -> None:
    path = versions(copy) / "0002_größe.py"
    path.unlink()

    [finding] = lint(Config(toml_file=copy.root / "pyproject.toml"))
    assert (finding.file, finding.rule) == (path, CHANGED)
    assert finding.sentence.endswith("cannot be migrated without it: bring it back")


def test_old_revisions_can_be_joined_with_a_reason(copy: Project) -> None:
    (versions(copy) / "0002_größe.py").unlink()
    more = f'ignore = {{"{CHANGED}": "0002 never left this machine"}}'
    copy.write("0003", UNDO, UNDO, more=more)

    assert lint_copy(copy) == []


def test_an_applied_revision_is_edited_with_a_reason(copy: Project) -> None:
    more = f'ignore = {{"{CHANGED}": "it never ran", "data-change": "a small table"}}'
    copy.write("0002_größe", DELETE, UNDO, more=more)

    assert lint_copy(copy) == []


def test_a_project_may_delete_all_revisions(copy: Project) -> None:
    for path in copy.revisions():
        path.unlink()

    assert lint_copy(copy) == []


@pytest.mark.parametrize(
    "name", ["heads/master", *(f"remotes/origin/{each}" for each in ("HEAD", "main", "master"))]
)
def test_the_main_branch_may_have_another_name(copy: Project, tmp_path: Path, name: str) -> None:
    git(tmp_path, "update-ref", f"refs/{name}", "main")
    git(tmp_path, "branch", "--quiet", "--delete", "--force", "main")

    assert lint_copy(copy) == []


@pytest.mark.parametrize("missing", ["the branch", "git"])
def test_without_a_main_branch_all_revisions_are_new(
    copy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    (versions(copy) / "0001_users_posts_comments.py").write_text(
        (versions(copy) / "0001_users_posts_comments.py").read_text() + "\nedited = True\n"
    )
    if missing == "git":
        monkeypatch.setenv("PATH", str(tmp_path))  # squawk is also beside Python
    else:
        git(tmp_path, "branch", "--quiet", "--delete", "--force", "main")

    assert lint_copy(copy) == [("0002_größe.py", "data-change")]


def test_one_sentence_says_that_squawk_is_missing(
    copy: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy.write("0003", UNDO, UNDO, after="0002_größe")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))

    with pytest.raises(
        CommandError, match=r"squawk, which judges .* is not installed: run `uv sync`"
    ):
        lint_copy(copy)


def test_the_command_prints_a_line_for_each_finding(copy: Project) -> None:
    upgrade = f'op.add_column("users", sa.Column("a%s", sa.Text()))\n    {DELETE}\n    op.backfill("a", "b", "c")'
    copy.write("0003", upgrade, UNDO, after="0002_größe")

    result = run_command(copy)
    first, *others, last = result.stdout.splitlines()
    assert result.returncode == 1
    assert first.startswith("migrations/versions/0003.py:17: not-repeatable: line 19 commits this")
    assert [line.split(": ")[1] for line in others] == ["not-repeatable"]
    assert last == (
        "migrations/versions/0003.py: data-change: the rows are locked until all are changed: "
        "write op.backfill(), or a program (DELETE FROM comments)"
    )


def test_the_command_prints_nothing_if_nothing_is_found(copy: Project) -> None:
    result = run_command(copy)

    assert (result.returncode, result.stdout) == (0, "")


def run_command(project: Project) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shop.db.migrations.gate"],
        cwd=project.root,
        env=os.environ | {"PYTHONPATH": str(project.root / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
