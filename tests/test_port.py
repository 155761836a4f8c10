"""`just port` brings the changes of a rendered project back into the template."""

import random
import shutil
import sys
from pathlib import Path

import pytest

from maintenance.port import Port
from maintenance.project import Project
from tests.helpers import ROOT, attempt, commit, edit, git, prepend, render_project
from tests.ownership import files

pytestmark = pytest.mark.slow

PACKAGE = "src/{{ package_name }}"


@pytest.fixture(scope="module")
def small(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template without the layer and the tools. It renders in a third of the time."""
    ignored = shutil.ignore_patterns("db", "tools")
    return shutil.copytree(template, tmp_path_factory.mktemp("port") / "small", ignore=ignored)


@pytest.fixture(scope="module")
def rendered(small: Path) -> Path:
    """A project as `just render` renders it."""
    project = render_project(small, small.parent / "shop")
    commit(project, "Render the project")
    git(project, "tag", "template")
    return project


@pytest.fixture
def template_root(small: Path, tmp_path: Path) -> Path:
    """A copy of the template that the test may change."""
    return shutil.copytree(small, tmp_path / "root")


@pytest.fixture
def sources(template_root: Path) -> Path:
    """The project that this copy renders."""
    return template_root / "template"


@pytest.fixture
def project(rendered: Path, tmp_path: Path) -> Path:
    """A copy of the project that the test may change."""
    return shutil.copytree(rendered, tmp_path / "shop")


def port(project: Path, sources: Path) -> list[str]:
    return Port(Project(project), sources.parent).run()


def contents(project: Path) -> dict[str, str]:
    names = [name for name in files(project) if not name.startswith((".git/", ".copier-answers"))]
    return {name: (project / name).read_text() for name in names}


def fresh(sources: Path) -> dict[str, str]:
    """Return the present output of the template."""
    return contents(render_project(sources.parent, sources.parent.parent / "fresh/shop"))


def test_files_are_edited_added_deleted_and_renamed(sources: Path, project: Path) -> None:
    package = project / "src/shop"
    prepend(project / "tests/conftest.py", "# ours\n")
    edit(project / "README.md", "# Shop\n", "# Shop and more\n")
    (package / "billing").mkdir()
    (package / "billing/invoice.py").write_text('"""Ours."""\n')
    (project / "tests/unit/test_billing.py").write_text("from shop import billing as billing\n")
    (project / "scripts/seed.py").unlink()
    (package / "services/users.py").rename(package / "services/people.py")
    git(project, "mv", "tests/factories.py", "tests/makers.py")
    edit(project / "tests/makers.py", "from shop.models import Post, User", "import shop.models")

    assert port(project, sources) == []

    assert (sources / "tests/conftest.py").read_text().startswith("# ours\n")
    assert (sources / "README.md.jinja").read_text().startswith("# {{ project_name }} and more\n")
    assert (sources / PACKAGE / "billing/invoice.py").exists()
    test = (sources / "tests/unit/test_billing.py.jinja").read_text()
    assert test == "from {{ package_name }} import billing as billing\n"
    assert not (sources / "scripts/seed.py.jinja").exists()
    assert (sources / PACKAGE / "services/people.py").exists()
    assert "import {{ package_name }}.models" in (sources / "tests/makers.py.jinja").read_text()
    assert not (sources / "tests/factories.py.jinja").exists()
    assert fresh(sources) == contents(project)
    assert git(project, "diff", "template") == ""


def test_a_source_is_a_jinja_file_if_something_is_rendered_in_it(
    sources: Path, project: Path
) -> None:
    prepend(project / "tests/conftest.py", "# shop\n")
    (project / "tests/integration/test_transfers.py").write_text('"""Nothing of it is left."""\n')
    with (project / ".github/workflows/ci.yml").open("a") as file:
        file.write("  # ${{ ours }}\n")

    assert port(project, sources) == []

    conftest = (sources / "tests/conftest.py.jinja").read_text()
    assert conftest.startswith("# {{ package_name }}\n")
    assert not (sources / "tests/conftest.py").exists()
    assert (sources / "tests/integration/test_transfers.py").exists()
    assert (sources / ".github/workflows/ci.yml").exists()
    assert fresh(sources) == contents(project)


def test_changes_that_cannot_be_ported_are_named_and_stay_in_the_project(
    sources: Path, project: Path
) -> None:
    new = "from .user import User\nfrom .zebra import Zebra\n"
    edit(project / "src/shop/models/__init__.py", "from .user import User\n", new)
    prepend(project / "src/shop/models/__init__.py", "# ours\n")
    (project / ".gitlab-ci.yml").write_text("ours: 1\n")
    prepend(project / "tests/conftest.py", "# {{ shop\n")
    edited = contents(project)

    assert port(project, sources) == [
        ".gitlab-ci.yml: the template has a file of this name for other answers.",
        "src/shop/models/__init__.py: line 9 is not ported, because a tag of Jinja is beside"
        " them, and nobody knows whether they belong to it.",
        "tests/conftest.py: it names the package, and has braces that Jinja would read.",
    ]

    assert contents(project) == edited
    assert "\n+from .zebra import Zebra\n" in git(project, "diff", "template")
    assert "ours: 1" not in (sources / ".gitlab-ci.yml").read_text()
    assert fresh(sources)["src/shop/models/__init__.py"] == (
        edited["src/shop/models/__init__.py"].replace(new, "from .user import User\n")
    )


def test_later_changes_of_the_template_are_kept(sources: Path, project: Path) -> None:
    posts, users = (sources / PACKAGE / "services" / name for name in ("posts.py", "users.py"))
    users.write_text(users.read_text() + "\n\nTHEIRS = 1\n")
    prepend(posts, "# theirs\n")
    prepend(sources / "tests/conftest.py", "# theirs\n")
    ours = project / "src/shop/services"
    prepend(ours / "users.py", "# ours\n")
    (ours / "posts.py").unlink()
    prepend(project / "tests/conftest.py", "# ours\n")

    assert port(project, sources) == [
        "src/shop/services/posts.py: the template has changed this file too, so it is not deleted.",
        "tests/conftest.py: the template has changed the same lines since it rendered the project.",
    ]

    assert users.read_text().startswith("# ours\n")
    assert users.read_text().endswith("THEIRS = 1\n")
    assert posts.read_text().startswith("# theirs\n")
    assert (sources / "tests/conftest.py").read_text().startswith("# theirs\n")


def test_work_continues_in_the_same_project(sources: Path, project: Path) -> None:
    prepend(project / "tests/conftest.py", "# ours\n")
    (project / "tests/unit/test_new.py").write_text("# new\n")
    assert port(project, sources) == []

    edit(project / "tests/conftest.py", "# ours\n", "# all ours\n")
    (project / "tests/unit/test_new.py").write_text("# newer\n")
    commit(project, "Commit it or not")

    assert port(project, sources) == []
    assert fresh(sources) == contents(project)


def test_every_edit_is_ported_or_named(sources: Path, project: Path) -> None:
    chance = random.Random(8)
    for name in contents(project):
        lines = (project / name).read_text().splitlines(keepends=True)
        for number in range(2):
            place = chance.randrange(len(lines) + 1)
            new = [f"{number} shop\n"] * chance.randrange(3)
            lines[place : place + chance.randrange(3)] = new
        (project / name).write_text("".join(lines))
    edited = contents(project)

    failures = port(project, sources)

    assert contents(project) == edited
    named = {failure.partition(":")[0] for failure in failures}
    rendered = fresh(sources)
    assert {name for name in edited if rendered.get(name) != edited[name]} <= named
    assert set(git(project, "diff", "--name-only", "template").splitlines()) == named
    assert len(named) < len(edited) / 4
    answers = {"project_name": "Store", "package_name": "store"}
    other = render_project(sources.parent, project.parent / "store", **answers)
    assert not any(" shop" in text for text in contents(other).values())


@pytest.mark.parametrize("made", ["no repository", "no tag", "other answers"])
def test_a_directory_that_cannot_be_ported_is_refused(
    project: Path, tmp_path: Path, made: str
) -> None:
    sentence = "is not a project: give a directory that `just render` printed"
    if made == "no repository":
        project = tmp_path
    if made == "no tag":
        git(project, "tag", "--delete", "template")
    if made == "other answers":
        edit(project / ".copier-answers.yml", "docker: true", "docker: false")
        sentence = "for other answers, render a new project"

    result = attempt([sys.executable, "-m", "maintenance.port", str(project)], ROOT)

    assert result.returncode == 1
    assert sentence in result.stdout
    assert "Traceback" not in result.stdout
