"""The recipes of the documents, followed to the letter."""

import re
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, ROOT, Render, commit, edit, git, just, run

pytestmark = pytest.mark.slow


@pytest.fixture
def living(render: Render, tmp_path: Path) -> Path:
    """A project with a model of its own beside the example's."""
    project = render(tmp_path / "shop")
    commit(project, "Render")
    package = project / "src/shop"
    (package / "models/invoice.py").write_text(
        '"""Ours."""\n\n'
        "from sqlalchemy.orm import Mapped\n\n"
        "from .base import Base, PrimaryKey\n\n\n"
        "class Invoice(PrimaryKey, Base):\n"
        '    __tablename__ = "invoices"\n\n'
        "    number: Mapped[str]\n"
    )
    edit(
        package / "models/__init__.py",
        "from .post import Post\n",
        "from .invoice import Invoice\nfrom .post import Post\n",
    )
    edit(package / "models/__init__.py", '    "Key",\n', '    "Invoice",\n    "Key",\n')
    command = ["uv", "run", "--quiet", "python", "-m", "tools.throwaway"]
    run([*command, "uv", "run", "just", "revision", "add invoices"], project, **NO_DOCKER)
    commit(project, "Add invoices")
    return project


def test_the_readmes_program_runs(shop: Path, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", (shop / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "program.py"
    path.write_text(f"{program}\n\nimport asyncio\n\nasyncio.run(main())\nprint('it ran')\n")

    command = ["uv", "run", "-q", "python", "-m", "tools.throwaway", "python", str(path)]
    assert "it ran" in run(command, shop, **NO_DOCKER)


def recipe(readme: str, heading: str) -> list[str]:
    """The shell blocks below a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert section is not None
    return re.findall(r"```sh\n(.*?)```", section[1], re.DOTALL)


def test_the_example_is_removed_from_a_project_that_is_deployed(living: Path) -> None:
    remove, _ = recipe((living / "README.md").read_text(), "Remove the example")
    run(["sh", "-e", "-c", remove], living)
    drop = ["uv", "run", "just", "revision", "remove the example", "comments", "posts", "users"]
    run(["uv", "run", "-q", "python", "-m", "tools.throwaway", *drop], living, **NO_DOCKER)

    check_without_the_example(living)


def test_the_example_is_removed_from_a_project_that_is_new(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop")
    commit(project, "Render")
    for block in recipe((project / "README.md").read_text(), "Remove the example"):
        run(["sh", "-e", "-c", block], project)

    check_without_the_example(project)


def check_without_the_example(project: Path) -> None:
    justfile = project / "justfile"
    justfile.write_text(justfile.read_text().partition("# Yours.\n")[0] + "# Yours.\n")

    output = just(project, "fix", "check", **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
    words = "argon2|polyfactory|UserRepository|PostFactory"
    left = git(project, "grep", "--untracked", "-ilE", words, ":!uv.lock", ":!src/shop/db")
    assert set(left.splitlines()) == {"README.md"}


def test_a_package_is_renamed(living: Path) -> None:
    document = (ROOT / "docs/update.md").read_text()
    assert "every file that `git grep -li shop`" in document
    git(living, "mv", "src/shop", "src/store")
    for name in git(living, "grep", "-li", "shop").splitlines():
        text = re.sub(r"\bshop\b", "store", (living / name).read_text())
        (living / name).write_text(text.replace("SHOP_", "STORE_"))

    output = just(living, "fix", "check", **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
    assert not (living / "src/shop").exists()
