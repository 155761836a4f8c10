"""What a project tells coding assistants is true, for all answers, and updates renew it."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.helpers import (
    NO_DOCKER,
    Render,
    commit,
    edit,
    publish,
    render_project,
    run,
    snapshot,
    update,
)
from tests.lives import append
from tests.renders import render_each_answer

SKILL = ".agents/skills/shop-db/SKILL.md"
ON_A_SERVER = ["uv", "run", "--quiet", "python", "-m", "tools.throwaway"]

# Words of the skill and AGENTS.md that are not of the project.
FOREIGN = {
    "Invoice",
    "InvoiceQueries",
    "InvoiceRepository",
    "AGENTS.md",
    "select",
    "invoices",
    "Yours.",
    "lines",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def projects(render: Render, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Projects with an AGENTS.md. Together they have every answer."""
    directory = tmp_path_factory.mktemp("assistants")
    rendered = render_each_answer(render, directory)
    options = {"audit": "triggers", "example": False, "web_framework": "none"}
    rendered += [
        render(directory / "all", package_name="shop", audit="triggers"),
        render(directory / "few", package_name="shop", **options),
    ]
    return [project for project in rendered if (project / "AGENTS.md").exists()]


def test_each_rule_names_a_check_that_exists(projects: list[Path]) -> None:
    assert len(projects) > 2
    for project in projects:
        rules = [line.split(" | ") for line in skill(project).splitlines() if "| `just " in line]
        rules += [line.split(" | ") for line in skill(project).splitlines() if "| `tests/" in line]
        assert len(rules) > 10
        for *_, check in rules:
            for name in re.findall(r"`([^`]+)`", check):
                assert exists(project, name), (project.name, name)


def test_each_rule_of_ast_grep_is_in_the_skill(projects: list[Path]) -> None:
    for project in projects:
        for name in patterns(project):
            assert f"`{name}`" in skill(project), name


def exists(project: Path, check: str) -> bool:
    """Return whether a project has a recipe, a rule of ast-grep or Ruff, or a file of tests."""
    if check.startswith("just "):
        return re.search(rf"(?m)^{check[5:]}\b.*:", (project / "justfile").read_text()) is not None
    if "/" in check:
        return (project / check).exists()
    selected = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    return check in patterns(project) or check.startswith(tuple(selected["select"]))


def patterns(project: Path) -> list[str]:
    text = (project / "tests/db/guard_rails.yml").read_text()
    return [rule["id"] for rule in yaml.safe_load_all(text)]


def skill(project: Path) -> str:
    return (project / SKILL).read_text()


def test_each_name_is_of_the_project(projects: list[Path]) -> None:
    for project in projects:
        known = "\n".join(
            path.read_text()
            for directory in ("src", "tests")
            for path in (project / directory).rglob("*.py")
        )
        words = {*re.findall(r"\w+", known), *patterns(project), *FOREIGN}
        for name in names(project):
            found = [(project / room / name).exists() for room in ("", "src/shop")]
            assert any(found) or {*re.findall(r"\w{2,}", name)} <= words or name in words, name


def names(project: Path) -> Iterator[str]:
    """Yield what is between backticks in the prose, but no command, rule or waiver."""
    for path in (project / "AGENTS.md", project / SKILL):
        prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for name in re.findall(r"`([^`\n]+)`", prose):
            if not re.match(r"uv |just |copier |# |[A-Z]+\d*$|info=", name):
                yield name


def test_the_skill_has_the_form_of_a_skill(projects: list[Path]) -> None:
    for project in projects:
        _, front, body = skill(project).split("---\n", 2)
        given = yaml.safe_load(front)
        assert given["name"] == (project / SKILL).parent.name
        assert given.keys() == {"name", "description"}
        assert len(given["description"]) <= 1024
        assert len(body.splitlines()) < 150


def test_a_package_with_an_underscore_has_a_skill_without(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop", package_name="my_shop")

    text = (project / ".agents/skills/my-shop-db/SKILL.md").read_text()
    assert "name: my-shop-db\n" in text
    assert ".agents/skills/my-shop-db/SKILL.md" in (project / "AGENTS.md").read_text()
    assert "from my_shop.models import Invoice" in text


def test_an_update_renews_them_and_keeps_what_is_yours(tmp_path: Path) -> None:
    template = small(tmp_path)
    agents, text = tmp_path / "shop/AGENTS.md", template / "template/AGENTS.md.jinja"
    own = "\n- Ask before you add a dependency.\n"
    publish(template, "v1.0.0")
    project = render_project(template, tmp_path / "shop")
    append(agents, own)
    commit(project, "Write our rules")
    edit(text, "## Before you write\n", "## Before you write\n\n- A new rule.\n")
    publish(template, "v2.0.0")

    update(project)

    assert agents.read_text().endswith(f"# Yours.\n{own}")
    assert "- A new rule.\n" in agents.read_text()
    assert "<<<<<<<" not in agents.read_text()


def test_an_older_project_keeps_its_own_until_it_switches_the_option_on(tmp_path: Path) -> None:
    template = small(tmp_path)
    config = (template / "copier.yml").read_text()
    older = re.sub(r"(?m)^assistants:\n(  .*\n)+", "", config)
    (template / "copier.yml").write_text(older)
    hidden = [(template / "template" / name) for name in (".agents", "AGENTS.md.jinja")]
    for path in hidden:
        path.rename(tmp_path / path.name)
    readme = (template / "template/README.md.jinja").read_text()
    (template / "template/README.md.jinja").write_text("# Older\n")
    publish(template, "v1.0.0")
    project = render_project(template, tmp_path / "shop")
    own = "# Our rules\n\n- Ask before you add a dependency.\n"
    (project / "AGENTS.md").write_text(own)
    commit(project, "Write our rules")
    for path in hidden:
        (tmp_path / path.name).rename(path)
    (template / "copier.yml").write_text(config)
    (template / "template/README.md.jinja").write_text(readme)
    publish(template, "v2.0.0")

    update(project)

    assert (project / "AGENTS.md").read_text() == own
    assert not (project / ".agents").exists()

    update(project, assistants=True)

    text = (project / "AGENTS.md").read_text()
    assert "<<<<<<<" in text  # `just check` finds it
    assert "- Ask before you add a dependency.\n" in text
    assert "# Yours.\n" in text
    assert (project / SKILL).exists()

    update(project, assistants=False)

    assert not (project / SKILL).exists()


def small(directory: Path) -> Path:
    """Return sources of the template without the directories that these tests do not need."""
    template = snapshot(directory / "template")
    for name in ("src", "tests", "tools", "scripts", "migrations"):
        shutil.rmtree(template / "template" / name)
    return template


@pytest.mark.parametrize("multi_tenancy", ["none", "rls"])
def test_the_skill_can_be_followed_word_by_word(
    render: Render, tmp_path: Path, multi_tenancy: str
) -> None:
    project = render(tmp_path / "shop", multi_tenancy=multi_tenancy)
    server = [*ON_A_SERVER, *(["python", "-m", "tools.roles"] if multi_tenancy == "rls" else [])]
    commit(project, "Render")
    for block in re.findall(r"```python\n(.*?)```", skill(project), re.DOTALL):
        place, _, code = block.partition("\n")
        (project / place.removeprefix("# ")).write_text(code)
    package = project / "src/shop"
    append(package / "models/__init__.py", "\nfrom .invoice import Invoice as Invoice\n")
    edit(
        package / "unit_of_work.py",
        "        self.posts = PostRepository(session)\n",
        "        self.posts = PostRepository(session)\n"
        "        self.invoices = InvoiceRepository(session)\n",
    )
    edit(
        package / "unit_of_work.py",
        "from .repositories import (\n",
        "from .repositories.invoices import InvoiceRepository\nfrom .repositories import (\n",
    )
    run(["uv", "run", "just", "fix"], project)
    run([*server, "uv", "run", "just", "revision", "add invoices"], project, **NO_DOCKER)

    checks = ("format", "lint", "types", "imports", "revisions")
    [invoices] = (project / "tests").rglob("test_invoices.py")
    tests = ("test", str(invoices), "tests/db/test_migrations.py")
    output = run(["uv", "run", "just", *checks, *tests], project, **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
