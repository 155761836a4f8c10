"""The commands that Copier prints at its end work, line by line."""

from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, edit, git, publish, run, snapshot
from tests.named_commands import in_shell

pytestmark = pytest.mark.slow


def steps(output: str) -> str:
    """Return the commands of a message, as a script."""
    commands = [line.strip() for line in output.partition("Next:")[2].splitlines()]
    return "\n".join(line for line in commands if line.startswith("cd ") or [*in_shell(line)])


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template as a repository, with its present state as the first version."""
    repository = snapshot(tmp_path / "template")
    publish(repository, "v1.0.0")
    return repository


@pytest.fixture(autouse=True)
def author(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which git knows the user's name and e-mail."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")


def test_the_messages_next_steps_can_be_followed(template: Path, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    said = run(["copier", "copy", "--defaults", str(template), str(shop)], tmp_path)
    script = steps(said)
    assert script.count("\n") == 4
    output = run(["sh", "-e", "-c", script], tmp_path, **NO_DOCKER)
    assert " passed" in output
    assert git(shop, "status", "--porcelain") == ""
    assert git(shop, "branch", "--show-current").strip() == "main"  # the workflows name it

    edit(template / "template/justfile.jinja", "# run the tests,", "# run all tests,")
    publish(template, "v2.0.0")
    said = run(["copier", "update", "--skip-answered", "--data", "audit=triggers"], shop)
    assert 'see "Switch it on" in docs/audit.md' in said
    script = steps(said)
    assert script.split("\n")[0].startswith("git status")
    output = run(["sh", "-e", "-c", script], shop, **NO_DOCKER, GIT_PAGER="cat")
    assert "+# run all tests," in output
    assert " passed" in output
    assert (shop / "src/shop/db/audit").is_dir()
