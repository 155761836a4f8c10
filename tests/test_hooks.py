"""The git hooks accept a new project, and stop a bad commit. prek and pre-commit give the same results."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import attempt, git, just, run

pytestmark = pytest.mark.slow

BAD = "import os\nx = { 'a':1 }\n"


@pytest.fixture
def project(shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The default project. After the test it is restored."""
    for name in ("PREK_HOME", "PRE_COMMIT_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    yield shop
    git(shop, "reset", "--quiet", "--hard")
    (shop / ".git/hooks/pre-commit").unlink(missing_ok=True)


@pytest.mark.parametrize("tool", ["prek", "pre-commit"])
def test_the_hooks_accept_a_new_project_and_refuse_bad_code(project: Path, tool: str) -> None:
    run([tool, "run", "--all-files"], project)
    assert git(project, "status", "--porcelain", "--untracked-files=no") == ""

    (project / "src/shop/bad.py").write_text(BAD)
    git(project, "add", "--all")
    refused = attempt([tool, "run", "--all-files"], project)

    assert refused.returncode == 1
    assert refused.stdout.count("files were modified by this hook") == 2  # lint and format
    assert (project / "src/shop/bad.py").read_text() == 'x = {"a": 1}\n'
    git(project, "add", "--all")
    run([tool, "run", "--all-files"], project)


def test_a_mistake_that_nothing_can_correct_stops_a_commit(project: Path) -> None:
    run(["prek", "install"], project)
    before = git(project, "rev-parse", "HEAD")
    (project / "src/shop/bad.py").write_text("y = undefined\n")
    git(project, "add", "--all")

    with pytest.raises(pytest.fail.Exception, match="F821"):
        git(project, "commit", "--message", "Bad")

    assert git(project, "rev-parse", "HEAD") == before


def test_a_conflict_that_an_update_left_stops_a_commit(project: Path) -> None:
    run(["prek", "install"], project)
    with (project / "README.md").open("a") as file:
        file.write("<<<<<<< before updating\n=======\n>>>>>>> after updating\n")
    git(project, "add", "--all")

    with pytest.raises(pytest.fail.Exception, match=r"(?s)have a conflict.*README.md:"):
        git(project, "commit", "--message", "Conflict")


def test_the_hooks_format_as_the_check_does(project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.ruff.format]\nquote-style = "single"\n')
    attempt(["prek", "run", "--all-files"], project)

    just(project, "format", "lint")
    changed = git(project, "diff", "--name-only")
    assert "src/shop/models/user.py" in changed
    owned = ("src/shop/db", "tests/db", "tools", ".agents")  # an update expects its own format
    assert not [each for each in changed.splitlines() if each.startswith(owned)]
