"""Rendered projects are complete, deterministic and well formed, and follow the answers."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.helpers import QUESTIONS, ROOT, Render, attempt, edit, render_project, run
from tests.matrix import CELLS, Matrix
from tests.ownership import classes


@pytest.fixture(
    scope="module",
    params=["default", *(pytest.param(each, marks=pytest.mark.slow) for each in range(len(CELLS)))],
)
def rendered(request: pytest.FixtureRequest, project: Path, matrix: Matrix) -> Path:
    """The default project, and each project of the covering array."""
    return project if request.param == "default" else matrix.cell(request.param)


def files(project: Path) -> dict[str, Path]:
    return {
        path.relative_to(project).as_posix(): path for path in project.rglob("*") if path.is_file()
    }


def contents(project: Path) -> dict[str, tuple[bytes, int]]:
    """Return the bytes and the mode of each file."""
    return {name: (path.read_bytes(), path.stat().st_mode) for name, path in files(project).items()}


def test_nothing_of_the_template_is_left(rendered: Path) -> None:
    for name, path in files(rendered).items():
        text = path.read_text()
        assert "{{" not in text or name.startswith(".github/"), name
        assert not name.endswith(".jinja")


def test_no_name_of_another_project_is_left(render: Render, tmp_path: Path) -> None:
    # The template's developers work in a project called shop, and port its lines.
    project = render(tmp_path / "elsewhere")

    for name, path in files(project).items():
        assert "shop" not in path.read_text().lower(), name


def test_every_file_parses(rendered: Path) -> None:
    for name, path in files(rendered).items():
        text = path.read_text()
        match path.suffix:
            case ".py":
                ast.parse(text, name)
            case ".toml":
                tomllib.loads(text)
            case ".yml" | ".yaml":
                list(yaml.safe_load_all(text))


def test_every_file_ends_with_one_newline_and_has_no_space_at_a_line_end(rendered: Path) -> None:
    for name, path in files(rendered).items():
        text = path.read_text()
        assert not text or text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert all(line == line.rstrip() for line in text.splitlines()), name


def test_no_directory_is_empty(rendered: Path) -> None:
    empty = [path for path in rendered.rglob("*") if path.is_dir() and not any(path.iterdir())]

    assert empty == []


def test_formatting_and_linting_change_nothing(rendered: Path) -> None:
    # Other tests read the same project, so this test must leave no cache in it.
    run(["ruff", "format", "--no-cache", "--check", "--diff", "."], rendered)
    run(["ruff", "check", "--no-cache", "."], rendered)


def test_the_length_of_lines_can_change_without_a_change_of_the_templates_files(
    render: Render, tmp_path: Path
) -> None:
    project = render(tmp_path / "shop")
    edit(project / "pyproject.toml", "line-length = 100", "line-length = 60")
    before = {name: path.read_bytes() for name, path in files(project).items()}

    run(["ruff", "format", "--quiet", "."], project)

    after = {name: path.read_bytes() for name, path in files(project).items()}
    assert {
        name for name in after.keys() - before.keys() if ".ruff_cache" not in name[:12]
    } == set()
    changed = {name for name in before if after[name] != before[name]}
    assert "src/shop/models/user.py" in changed
    assert not {name for name in changed if classes(project, name) == ["owned"]}


def test_other_rules_of_ruff_find_and_change_nothing_in_the_templates_files(
    render: Render, tmp_path: Path
) -> None:
    project = render(tmp_path / "shop", audit="triggers", multi_tenancy="rls")
    pyproject = project / "pyproject.toml"
    own = tomllib.loads(pyproject.read_text())["tool"]["ruff"]["lint"]
    theirs = tomllib.loads((project / "src/shop/db/ruff.toml").read_text())["lint"]
    assert own | theirs == own
    edit(pyproject, '"UP", "W",\n', '"UP", "W", "ALL",\n')
    edit(
        pyproject,
        "[tool.ruff.lint.isort]",
        f"{OTHER_SETTINGS}\n[tool.ruff.lint.isort]\nforce-single-line = true",
    )
    before = {name: path.read_bytes() for name, path in files(project).items()}

    ruff = ["ruff", "check", "--fix", "--unsafe-fixes", "--output-format=concise", "."]
    found = attempt(ruff, project).stdout
    run(["ruff", "format", "--quiet", "."], project)

    owned = {name for name in before if classes(project, name) == ["owned"]}
    assert "src/shop/models/user.py:" in found
    assert not {line for line in found.splitlines() if line.partition(":")[0] in owned}
    assert not {name for name in owned if files(project)[name].read_bytes() != before[name]}


# What a team could write into its pyproject.toml.
OTHER_SETTINGS = """[tool.ruff.format]
quote-style = "single"
line-ending = "cr-lf"
docstring-code-format = true

[tool.ruff.lint.mccabe]
max-complexity = 1
"""


def test_the_same_answers_render_the_same_bytes(
    template: Path, project: Path, tmp_path: Path
) -> None:
    again = render_project(template, tmp_path / "shop")

    assert contents(again) == contents(project)


def test_a_project_finds_a_template_that_was_named_by_a_relative_path(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "template").symlink_to(template)
    monkeypatch.chdir(tmp_path)

    project = render_project(Path("template"), tmp_path / "shop")

    [named] = re.findall(r"(?m)^_src_path: (.*)$", (project / ".copier-answers.yml").read_text())
    assert Path(named) == template.resolve()  # an update runs in the project, not beside it


LAYOUT: dict[str, dict[str, list[object]]] = {
    ".github/workflows/ci.yml": {"ci": ["github"]},
    ".github/dependabot.yml": {"bot": ["dependabot"]},
    ".gitlab-ci.yml": {"ci": ["gitlab"]},
    ".pre-commit-config.yaml": {"hooks": [True]},
    "AGENTS.md": {"assistants": [True]},
    "renovate.json5": {"bot": ["renovate"]},
    "Dockerfile": {"docker": [True]},
    ".dockerignore": {"docker": [True]},
    "compose.yaml": {"docker": [True]},
    "src/shop/models/user.py": {"example": [True]},
    "src/shop/services/users.py": {"example": [True]},
    "src/shop/entrypoints/worker.py": {"example": [True]},
    "scripts/demo.py": {"example": [True]},
    "tests/unit/fakes.py": {"example": [True]},
    "migrations/versions/0001_users_posts_comments.py": {
        "example": [True],
        "multi_tenancy": ["none"],
    },
    "migrations/versions/0001_organisations_users_posts.py": {
        "example": [True],
        "multi_tenancy": ["rls"],
    },
    "src/shop/services/organisations.py": {"example": [True], "multi_tenancy": ["rls"]},
    "tests/integration/conftest.py": {"example": [True], "multi_tenancy": ["rls"]},
    "LICENSE": {"license": ["MIT", "Apache-2.0", "BSD-3-Clause"]},
    "src/shop/db/audit/triggers.py": {"audit": ["triggers"]},
    "tests/db/test_audit.py": {"audit": ["triggers"]},
    "src/shop/db/fastapi/problems.py": {"web_framework": ["fastapi"]},
    "src/shop/api/app.py": {"web_framework": ["fastapi"]},
    "src/shop/db/tenancy/policies.py": {"multi_tenancy": ["rls"]},
    "src/shop/db/tenancy/request.py": {"web_framework": ["fastapi"], "multi_tenancy": ["rls"]},
    "src/shop/api/tenant.py": {"web_framework": ["fastapi"], "multi_tenancy": ["rls"]},
    "tests/db/tenancy/test_tenancy.py": {"multi_tenancy": ["rls"]},
    "tools/roles.py": {"multi_tenancy": ["rls"]},
    "src/shop/db/opentelemetry/observe.py": {"observability": ["opentelemetry"]},
}
ALWAYS = [
    "README.md",
    "migrations/env.py",
    "src/shop/db/unit_of_work/database.py",
    "src/shop/models/base.py",
    "src/shop/repositories/base.py",
    "src/shop/settings.py",
    "src/shop/unit_of_work.py",
    "tests/conftest.py",
    "tools/embedded.py",
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CELLS)))
def test_an_answer_adds_its_files_and_no_others(matrix: Matrix, number: int) -> None:
    defaults = {name: question["default"] for name, question in QUESTIONS.items()}
    answers = defaults | CELLS[number]
    own = {"shop": answers["package_name"], "ejected": answers["ejected"]}

    names = files(matrix.cell(number))
    assert {name.replace("shop", own["shop"]) for name in ALWAYS} <= names.keys()
    for name, condition in LAYOUT.items():
        wanted = all(answers[question] in values for question, values in condition.items())
        assert (name.replace("shop", own["shop"]) in names) == wanted, name
    assert names.keys().isdisjoint(own["ejected"])


@pytest.mark.parametrize("primary_key", ["uuid7", "uuid4", "bigint"])
def test_the_models_take_the_primary_key_that_was_chosen(
    render: Render, tmp_path: Path, primary_key: str
) -> None:
    project = render(tmp_path / "shop", primary_key=primary_key)

    base = (project / "src/shop/models/base.py").read_text()
    assert f"from ..db.mixins.{primary_key} import Key, PrimaryKey" in base


def test_copier_needs_no_trust_and_says_what_to_do_next(
    template: Path, project: Path, tmp_path: Path
) -> None:
    output = run(["copier", "copy", "--defaults", str(template), str(tmp_path / "shop")], ROOT)

    assert "uv run just check" in output
    assert f"cd {tmp_path / 'shop'}" in output
    assert contents(tmp_path / "shop") == contents(project)  # renders.py gives the same bytes


# The first version without a known fault, and the last advisory about an earlier one. Lines below `# Yours.` are
# not here. After a release they cannot change without a conflict in projects without the example, so a note tells it.
KNOWN_FAULTS = {
    "pytest": ("9.0.3", "CVE-2025-71176"),
}


def test_no_lower_bound_allows_a_version_with_a_known_fault(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    for name, (version, advisory) in KNOWN_FAULTS.items():
        [lowest] = re.findall(rf'"{name}>=([\d.]+)', text)
        assert [*map(int, lowest.split("."))] >= [*map(int, version.split("."))], advisory
