"""Follow the recipes of the documents exactly."""

import re
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, ROOT, Render, attempt, commit, edit, git, just, run
from tests.snippets import snippet

pytestmark = pytest.mark.slow
RUN = [snippet("template/README.md.jinja", "async def main")]

ON_A_SERVER = ["uv", "run", "--quiet", "python", "-m", "tools.throwaway"]


@pytest.fixture
def living(render: Render, tmp_path: Path) -> Path:
    """A project with its own code beside every part of the example."""
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
    (package / "repositories/invoices.py").write_text(
        '"""Ours."""\n\n'
        "from ..models import Invoice\n"
        "from .base import Repository\n\n\n"
        "class InvoiceRepository(Repository[Invoice]):\n"
        "    model = Invoice\n"
    )
    edit(
        package / "repositories/__init__.py",
        "from .users import",
        "from .invoices import InvoiceRepository\nfrom .users import",
    )
    edit(
        package / "repositories/__init__.py",
        '    "PostRepository",\n',
        '    "InvoiceRepository", "PostRepository",\n',
    )
    edit(
        package / "unit_of_work.py",
        "    CommentRepository,\n",
        "    CommentRepository, InvoiceRepository,\n",
    )
    edit(
        package / "unit_of_work.py",
        "        self.users = UserRepository(session)\n",
        "        self.users = UserRepository(session)\n"
        "        self.invoices = InvoiceRepository(session)\n",
    )
    (package / "services/billing.py").write_text(
        '"""Ours."""\n\n'
        "from ..models import Invoice\n"
        "from ..unit_of_work import UnitOfWork\n\n\n"
        "async def bill(uow: UnitOfWork, number: str) -> Invoice:\n"
        "    return await uow.invoices.add(Invoice(number=number))\n"
    )
    (project / "tests/test_billing.py").write_text(
        "from shop.services.billing import bill\n"
        "from shop.unit_of_work import UnitOfWork\n\n\n"
        "async def test_an_invoice_has_a_number(uow: UnitOfWork) -> None:\n"
        '    assert (await bill(uow, "1")).number == "1"\n'
    )
    edit(
        project / "justfile",
        "# publish drafts",
        "# ours\nhello:\n    echo hello\n\n# publish drafts",
    )
    edit(
        project / "pyproject.toml",
        '    "argon2-cffi>=25.1.0",\n',
        '    "argon2-cffi>=25.1.0",\n    "typing-extensions>=4.12",\n',
    )
    run([*ON_A_SERVER, "uv", "run", "just", "revision", "add invoices"], project, **NO_DOCKER)
    commit(project, "Add invoices")
    return project


def test_the_readmes_program_runs(shop: Path, tmp_path: Path) -> None:
    program = RUN[0].code.replace("{{ package_name }}", "shop")
    assert program in (shop / "README.md").read_text()
    path = tmp_path / "program.py"
    path.write_text(f"{program}\n\nimport asyncio\n\nasyncio.run(main())\nprint('it ran')\n")

    assert "it ran" in run([*ON_A_SERVER, "python", str(path)], shop, **NO_DOCKER)


def test_the_example_is_removed_from_a_project_that_is_deployed(living: Path) -> None:
    plan = just(living, "remove-example", "--dry-run")
    assert "Change them yourself" not in plan
    output = just(living, "remove-example")
    assert output.startswith(plan.partition("This is only the plan.")[0])
    for command in next_commands(output):
        output = run([*ON_A_SERVER, "sh", "-c", command], living, **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
    words = "argon2|polyfactory|UserRepository|PostFactory|remove.example"
    # The notes of versions are the same in all projects.
    others = [":!uv.lock", ":!src/shop/db", ":!tools/releases"]
    search = ["git", "grep", "--untracked", "-iE", words, *others]
    assert attempt(search, living).stdout == ""
    assert just(living, "hello") == "hello\n"
    assert "typing-extensions" in (living / "pyproject.toml").read_text()


def test_the_example_is_removed_from_a_project_that_is_new(render: Render, tmp_path: Path) -> None:
    """The result equals a project that was rendered without the example."""
    project = render(tmp_path / "shop")
    commit(project, "Render")
    without = render(tmp_path / "without" / "shop", example=False)
    commit(without, "Render")

    output = just(project, "remove-example", "--delete-migration")
    for command in next_commands(output):
        output = run(["sh", "-c", command], project, **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
    assert contents(project) == contents(without)
    assert "Repository" not in (project / "src/shop/unit_of_work.py").read_text()


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


def next_commands(output: str) -> list[str]:
    """Return the commands that the output names as the next steps."""
    return [line.strip() for line in output.partition("Next:\n")[2].splitlines() if line]


def contents(project: Path) -> dict[str, str]:
    """Return the content of a project's files, without the answers, the lock, and an `__init__` that
    stays."""
    listed = git(project, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    different = {".copier-answers.yml", "uv.lock", "src/shop/unit_of_work.py"}
    return {
        name: (project / name).read_text()
        for name in listed
        if name not in different and (project / name).exists()
    }
