"""`just remove-example` deletes only the example. It needs no dependency, so it runs without uv here."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import Render, attempt, commit, edit, git

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rendered(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = render(tmp_path_factory.mktemp("rendered") / "shop")
    commit(project, "Render")
    return project


@pytest.fixture
def project(rendered: Path, tmp_path: Path) -> Path:
    return shutil.copytree(rendered, tmp_path / "shop")


def remove_example(project: Path, *options: str) -> str:
    result = attempt_to_remove(project, *options)
    assert result.returncode == 0, result.stdout
    return result.stdout


def attempt_to_remove(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return attempt([sys.executable, "-m", "scripts.remove_example", *options], project)


def files(project: Path) -> set[Path]:
    paths = {path.relative_to(project) for path in project.rglob("*")}
    return {path for path in paths if not {".git", "__pycache__"} & {*path.parts}}


def section(output: str, title: str) -> list[str]:
    """The lines of a part of the plan."""
    return [line.strip() for line in output.partition(title)[2].split("\n\n")[1].splitlines()]


def test_a_dry_run_shows_the_plan_and_changes_nothing(project: Path) -> None:
    output = remove_example(project, "--dry-run")

    assert "src/shop/models/user.py" in section(output, "are deleted:")
    assert "-from .user import User" in section(output, "that change:")
    assert "Nothing was changed" in output
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("kind", ["none", "rls"])
def test_it_deletes_the_files_of_its_plan_and_leaves_nothing_of_the_example(
    render: Render, tmp_path: Path, kind: str
) -> None:
    project = render(tmp_path / "shop", multi_tenancy=kind)
    commit(project, "Render")
    without = render(tmp_path / "without" / "shop", multi_tenancy=kind, example=False)
    for each in (project, without):
        (each / "uv.lock").touch()  # the first `uv run` writes it
    planned = section(remove_example(project, "--dry-run", "--delete-migration"), "are deleted:")
    remove_example(project, "--delete-migration")

    deleted = git(project, "diff", "--name-only", "--diff-filter=D").splitlines()
    assert planned == deleted
    assert "scripts/remove_example.py" in deleted
    assert files(project) == files(without)


def test_it_refuses_while_changes_are_not_committed(project: Path) -> None:
    edit(project / "README.md", "# Shop", "# Our shop")
    result = attempt_to_remove(project)

    assert result.returncode == 1
    assert result.stdout == "remove-example: commit or stash your changes first.\n"
    assert git(project, "status", "--porcelain") == " M README.md\n"
    remove_example(project, "--force")


def test_it_refuses_outside_of_git(project: Path) -> None:
    shutil.rmtree(project / ".git")
    result = attempt_to_remove(project)

    assert result.returncode == 1
    assert "commit the project to git first" in result.stdout
    assert (project / "scripts/demo.py").exists()
    remove_example(project, "--force")
    assert not (project / "scripts").exists()


def test_a_file_that_was_edited_stays_and_so_do_the_lines_that_need_it(project: Path) -> None:
    edit(project / "src/shop/models/user.py", "bio: Mapped", "city: Mapped")
    edit(project / "scripts/seed.py", "USERNAMES = ", "USERNAMES: list[str] = ")
    commit(project, "Edit")
    output = remove_example(project)

    assert section(output, "(--force deletes them):") == [
        "src/shop/models/user.py",
        "scripts/seed.py",
    ]
    models = (project / "src/shop/models/__init__.py").read_text()
    assert "from .user import User\n" in models
    assert '"User",' in models
    assert "Post" not in models
    assert "just seed" in (project / "README.md").read_text()
    assert (project / "scripts/__init__.py").exists()
    uses = section(output, "Change them yourself:")
    assert any(use.startswith("scripts/seed.py:") and "services.users" in use for use in uses)
    assert any(use.startswith("src/shop/models/user.py:") and use.endswith("Post") for use in uses)
    assert 'just revision "remove the example" comments idempotency_keys posts\n' in output
    git(project, "restore", ".")
    remove_example(project, "--force")
    assert not (project / "src/shop/models/user.py").exists()


def test_a_file_that_was_only_formatted_or_changed_back_is_deleted(project: Path) -> None:
    path = project / "src/shop/models/user.py"
    original = path.read_text()
    path.write_text(original.replace("(back_populates", "(\n        back_populates"))
    edit(project / "src/shop/models/post.py", '"""Posts."""', '"""Posts."""  # ours')
    commit(project, "Format")
    edit(project / "src/shop/models/comment.py", "class Comment(", "class Remark(")
    commit(project, "Edit")
    edit(project / "src/shop/models/comment.py", "class Remark(", "class Comment(")
    commit(project, "Change back")

    assert "--force" not in remove_example(project)


def test_a_file_that_git_does_not_know_stays(project: Path) -> None:
    git(project, "rm", "--quiet", "--cached", "scripts/seed.py")
    (project / ".git/info/exclude").write_text("seed.py\n")
    git(project, "commit", "--quiet", "--amend", "--message", "Render")
    remove_example(project)

    assert (project / "scripts/seed.py").exists()


def test_a_package_that_has_your_code_stays(project: Path) -> None:
    (project / "src/shop/entrypoints/ours.py").write_text("")
    edit(project / "src/shop/services/__init__.py", '"""\n', '"""\n\nOURS = 1\n')
    commit(project, "Add ours")
    remove_example(project)

    for package in ("entrypoints", "services"):
        assert (project / f"src/shop/{package}/__init__.py").exists()
        assert f"src/shop/{package}/" in (project / "README.md").read_text()
    assert not (project / "tests/unit").exists()


def test_a_file_that_replaced_a_file_of_the_example_stays(project: Path) -> None:
    path = project / "src/shop/models/comment.py"
    path.unlink()
    commit(project, "Delete")
    path.write_text('"""Ours."""\n')
    commit(project, "Add")
    remove_example(project)

    assert path.exists()


UNIT_OF_WORK = """
from . import db
{imports}

class UnitOfWork(db.UnitOfWork):
    def __init__(self, session):
        super().__init__(session)
        self.ours = [Ours(session)]  # ours
{attribute}"""

IMPORTS = {
    "from .repositories import UserRepository, Ours": "from .repositories import Ours",
    "from .repositories import Ours as É, UserRepository": "from .repositories import Ours as É",
    "from .repositories import PostRepository, Ours, UserRepository  # ours": (
        "from .repositories import Ours  # ours"
    ),
    "from .repositories import (\n    # ours\n    Ours,\n    UserRepository,  # theirs\n)": (
        "from .repositories import (\n    # ours\n    Ours,\n)"
    ),
    "from .repositories import (\n    PostRepository, Ours,\n    UserRepository)": (
        "from .repositories import (\n    Ours,\n)"
    ),
    "from .repositories.ours import Ours\nfrom .repositories.users import UserRepository": (
        "from .repositories.ours import Ours"
    ),
}


@pytest.mark.parametrize("imports", IMPORTS)
def test_your_name_stays_in_an_import_that_also_has_a_name_of_the_example(
    project: Path, imports: str
) -> None:
    path = project / "src/shop/unit_of_work.py"
    attribute = "        self.users = UserRepository(session)\n"
    path.write_text(UNIT_OF_WORK.format(imports=imports, attribute=attribute))
    commit(project, "Add ours")
    remove_example(project)

    assert path.read_text() == UNIT_OF_WORK.format(imports=IMPORTS[imports], attribute="")


def test_your_recipes_and_the_line_above_them_stay(project: Path) -> None:
    path = project / "justfile"
    theirs, zone, _ = path.read_text().partition("# Yours.\n")
    ours = "ours: check\n    uv run python -m scripts.seed ours\n    echo ours\n"
    demo = "demo:\n    uv run python -m scripts.demo\n"
    path.write_text(f"{theirs}{zone}{demo}\n# ours\n{ours}\n# theirs\n{demo}\n# ours\n")
    commit(project, "Add ours")
    remove_example(project)

    assert path.read_text() == f"{theirs}{zone}\n# ours\n{ours}\n# ours\n"


def test_lines_that_use_deleted_code_are_listed(project: Path) -> None:
    (project / "src/shop/models/invoice.py").write_text(
        "from sqlalchemy import ForeignKey\n"
        "from sqlalchemy.orm import relationship\n"
        'key = ForeignKey("users.id")\n'
        'author = relationship("User")\n'
    )
    (project / "src/shop/billing.py").write_text(
        "from . import models\n"
        "from .models import (\n    Base,\n    Post,\n)\n"
        "import shop.services.credits\n"
        "def bill():\n    from shop.services import users\n"
    )
    (project / "tests/test_bills.py").write_text(
        "from .factories import UserFactory\nuser = 'User'\n"
    )
    with (project / "Dockerfile").open("a") as file:
        file.write('CMD ["python", "-m", "shop.entrypoints.worker"]\n')
    with (project / "justfile").open("a") as file:
        file.write("\nreset: seed\n    just seed\n\nplant:\n    uv run python -m scripts.seed\n")
    commit(project, "Add ours")
    output = remove_example(project)

    uses = section(output, "Change them yourself:")
    number = len((project / "Dockerfile").read_text().splitlines())
    assert [use for use in uses if not use.startswith("justfile")] == [
        "src/shop/billing.py:2: from .models import Base, Post",
        "src/shop/billing.py:6: import shop.services.credits",
        "src/shop/billing.py:8: from shop.services import users",
        "src/shop/models/invoice.py:3: 'users.id'",
        "src/shop/models/invoice.py:4: 'User'",
        "tests/test_bills.py:1: from .factories import UserFactory",
        f'Dockerfile:{number}: CMD ["python", "-m", "shop.entrypoints.worker"]',
    ]
    assert [use.partition(": ")[2] for use in uses if use.startswith("justfile")] == [
        "reset: seed",
        "just seed",
        "uv run python -m scripts.seed",
    ]


def test_a_dependency_stays_if_it_is_yours_or_a_module_imports_it(project: Path) -> None:
    (project / "src/shop/passwords.py").write_text("from argon2 import PasswordHasher\n")
    path = project / "pyproject.toml"
    edit(path, '    # Yours.\n    "poly', '    # Yours.\n    "polyfactory-ours",\n    "poly')
    commit(project, "Add ours")
    remove_example(project)

    text = path.read_text()
    assert '    # Yours.\n    "argon2-cffi>=' in text
    assert '    # Yours.\n    "polyfactory-ours",\n]' in text


def test_the_first_revision_is_deleted_only_if_no_other_follows_it(project: Path) -> None:
    path = project / "migrations/versions/0002_ours.py"
    path.write_text('down_revision = "0001"\n')
    commit(project, "Add a revision")
    result = attempt_to_remove(project, "--delete-migration")

    assert result.returncode == 1
    assert "nothing was changed: migrations/versions/0002_ours.py follows" in result.stdout
    assert git(project, "status", "--porcelain") == ""
    assert "just revision" in remove_example(project)
    assert (project / "migrations/versions/0001_users_posts_comments.py").exists()


@pytest.mark.parametrize(
    "text",
    [
        "class UnitOfWork(\n",  # it is not valid
        "from .repositories import Ours, \\\n    UserRepository\n",  # it would not be valid
    ],
)
def test_nothing_is_changed_if_a_file_is_not_valid(project: Path, text: str) -> None:
    (project / "src/shop/unit_of_work.py").write_text(text)
    commit(project, "Break")
    result = attempt_to_remove(project)

    assert result.returncode == 1
    assert "remove-example: nothing was changed: " in result.stdout
    assert "(unit_of_work.py, line 1)" in result.stdout
    assert git(project, "status", "--porcelain") == ""
