"""The changes that people make to a project between two updates. A function for a change is a life."""

import sys
from collections.abc import Callable
from pathlib import Path

from tests.helpers import commit, edit, git, prepend, run

Life = Callable[[Path], None]

OURS = "# Our own line.\n"

# These lives take over the first file, and edit the second one. Later the template moves both files.
TAKEN_OVER, EDITED = "tools/psql.py", "tools/shell.py"

INVOICE = '''"""An invoice."""

from sqlalchemy.orm import Mapped

from .base import Base, PrimaryKey


class Invoice(PrimaryKey, Base):
    __tablename__ = "invoices"

    number: Mapped[str]
    """The number that the customer sees."""
'''
OVERRIDE = '''
    async def count(self, *criteria: db.Criterion) -> int:
        """Count the rows, as the layer does."""
        return await super().count(*criteria)
'''
COMMAND = "\n# greet\ngreet:\n    echo hello\n"
SETTING = "    greeting: str = Field(default='hello')\n\n    database:"


def add_a_model(project: Path) -> None:
    models = project / "src/shop/models"
    (models / "invoice.py").write_text(INVOICE)
    door = (models / "__init__.py").read_text()
    after = (
        "from .comment import Comment\n"
        if "comment" in door
        else "from .base import Base, Key, PrimaryKey\n"
    )
    edit(models / "__init__.py", after, f"{after}from .invoice import Invoice\n")
    edit(models / "__init__.py", '    "Key",\n', '    "Invoice",\n    "Key",\n')


def add_a_column(project: Path) -> None:
    bio = "    bio: Mapped[str | None]\n"
    edit(project / "src/shop/models/user.py", bio, f"{bio}    city: Mapped[str | None]\n")


def override_a_method(project: Path) -> None:
    door = project / "src/shop/repositories/base.py"
    text = '    """Read the rows of one model, by this project\'s kind of primary key."""\n'
    edit(door, text, text + OVERRIDE)


def add_a_command(project: Path) -> None:
    append(project / "justfile", COMMAND)


def add_a_dependency(project: Path) -> None:
    """Add a line to pyproject.toml as `uv add` does."""
    path = project / "pyproject.toml"
    before, line, after = path.read_text().partition("    # Yours.\n")
    path.write_text(f'{before}{line}    "anyio>=4.0",\n{after}')


def add_a_setting(project: Path) -> None:
    edit(project / "src/shop/settings.py", "    database:", SETTING)
    append(project / ".env.example", "SHOP_GREETING=hello\n")


def add_a_step_to_the_ci(project: Path) -> None:
    for name in (".github/workflows/ci.yml", ".gitlab-ci.yml"):
        if (project / name).exists():
            append(project / name, "  # Our own step.\n")


def remove_the_example(project: Path) -> None:
    run([sys.executable, "-m", "scripts.remove_example"], project)


def rename_a_seed(project: Path) -> None:
    renamed = {"migrations/versions/.gitkeep": "KEEP", "scripts/seed.py": "plant.py"}
    for seed, name in renamed.items():
        if (project / seed).exists():
            (project / seed).rename((project / seed).with_name(name))


def delete_a_shared_file(project: Path) -> None:
    (project / ".dockerignore").unlink()


def edit_a_file_of_the_template(project: Path) -> None:
    append(project / "src/shop/db/paging/filtering.py", OURS)
    append(project / EDITED, OURS)


def take_a_file_over(project: Path) -> None:
    prepend(project / TAKEN_OVER, OURS)
    edit(project / ".copier-answers.yml", "ejected: []\n", f"ejected:\n- {TAKEN_OVER}\n")


def choose_another_line_length(project: Path) -> None:
    edit(project / "pyproject.toml", "line-length = 100", "line-length = 79")


def let_a_hook_reformat(project: Path) -> None:
    """Add a git hook that formats the project at each commit, by the ruff of this environment."""
    hook = Path(git(project, "rev-parse", "--git-path", "hooks/pre-commit").strip())
    hook = project / hook
    hook.parent.mkdir(parents=True, exist_ok=True)
    ruff = f"{sys.executable} -m ruff format --quiet '{project}'"
    hook.write_text(f"#!/bin/sh\n{ruff} && git add --update\n")
    hook.chmod(0o755)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


LIVES: dict[str, Life] = {
    "a model": add_a_model,
    "a column of the example": add_a_column,
    "an overridden method": override_a_method,
    "a command": add_a_command,
    "a dependency": add_a_dependency,
    "a setting": add_a_setting,
    "a step of the CI": add_a_step_to_the_ci,
    "without the example": remove_the_example,
    "a seed renamed": rename_a_seed,
    "a shared file deleted": delete_a_shared_file,
    "an owned file edited": edit_a_file_of_the_template,
    "a file taken over": take_a_file_over,
    "another line length": choose_another_line_length,
    "a hook that formats": let_a_hook_reformat,
}

# The lives that need a file of the example or of Docker, with that file.
NEED = {
    "a column of the example": "src/shop/models/user.py",
    "without the example": "scripts/remove_example.py",
    "a shared file deleted": ".dockerignore",
}


def live(project: Path, *, without_example: bool = False) -> list[str]:
    """Apply all lives that are possible in a project, commit after each, and return their names.

    A project can have only one of two lives: a column of the example, or the removal of the example.
    """
    other = "a column of the example" if without_example else "without the example"
    lived = [
        name
        for name in LIVES
        if name != other and (project / NEED.get(name, ".copier-answers.yml")).exists()
    ]
    for name in sorted(lived, key=lambda name: name != "without the example"):
        LIVES[name](project)
        if git(project, "status", "--porcelain"):
            commit(project, name)
    return lived


def in_a_work_tree(directory: Path, project: Path) -> Path:
    """Put a project into a folder of a larger repository, and return that folder in a work tree."""
    mono = directory / "mono"
    folder = mono / "apps/shop"
    folder.parent.mkdir(parents=True)
    project.rename(folder)
    (mono / "other.txt").write_text("Another part.\n")
    commit(mono, "Render")
    git(mono, "worktree", "add", "--quiet", "-b", "work", str(directory / "tree"))
    return directory / "tree/apps/shop"
