"""The web is an option. A project without it has no trace of it. An update can add and remove it."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import (
    Render,
    attempt,
    commit,
    git,
    publish,
    render_project,
    snapshot,
    update,
)
from tests.ownership import files
from tests.service import serving

WORDS = re.compile(r"fastapi|uvicorn|structlog|starlette|\bWEB_|src/shop/api", re.IGNORECASE)

# These lines differ: import contracts, fixtures, and the command of the image with its comment.
REPLACED = ("layers = ", "pytest_plugins = ", "# This command migrates", "CMD ")


@pytest.fixture(scope="module")
def without(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("none") / "shop", web_framework="none")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A template. Its first version does not have the question, and its second version has it."""
    versions = snapshot(tmp_path / "template")
    questions = (versions / "copier.yml").read_text()
    hidden = "web_framework:\n  type: str\n  when: false\n  default: none\n"
    before = re.sub(r"^web_framework:\n(  .*\n)+", hidden, questions, flags=re.MULTILINE)
    (versions / "copier.yml").write_text(before)
    publish(versions, "v1.0.0")
    (versions / "copier.yml").write_text(questions)
    return versions


def test_a_project_without_the_web_has_no_trace_of_it(without: Path) -> None:
    found = {name: (without / name).read_text() for name in files(without)}
    del found[".copier-answers.yml"]
    # The notes of versions are the same in all projects.
    others = {name: text for name, text in found.items() if not name.startswith("tools/releases/")}

    assert not [name for name, text in others.items() if WORDS.search(name + text)]


def test_the_web_adds_files_and_lines_and_changes_no_other_line(
    without: Path, project: Path
) -> None:
    for name in files(without):
        text = (without / name).read_text()
        kept = [each for each in text.splitlines() if not each.startswith(REPLACED)]
        lines = iter((project / name).read_text().splitlines())
        assert name == ".copier-answers.yml" or all(line in lines for line in kept), name


@pytest.mark.slow
def test_an_update_keeps_a_project_without_the_web(older: Path, tmp_path: Path) -> None:
    project = render_project(older, tmp_path / "shop")
    commit(project, "Render")
    before = {name: (project / name).read_bytes() for name in files(project)}
    publish(older, "v2.0.0")

    update(project)

    after = {name: (project / name).read_bytes() for name in files(project)}
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {name for name in changed if not name.startswith(".git/")} == {".copier-answers.yml"}
    assert "web_framework: none" in (project / ".copier-answers.yml").read_text()


@pytest.mark.slow
def test_an_update_adds_the_web_without_the_routes_of_the_example(
    older: Path, tmp_path: Path
) -> None:
    project = render_project(older, tmp_path / "shop")
    commit(project, "Render")
    publish(older, "v2.0.0")

    update(project, web_framework="fastapi")

    new = set(git(project, "diff", "--name-only", "--diff-filter=A", "HEAD^").splitlines())
    assert {name for name in new if "/api/" in name} == {
        f"src/shop/api/{name}"
        for name in (
            *("__init__.py", "app.py", "dependencies.py", "logs.py", "routes/__init__.py"),
            *("startup.py", "swagger_ui.py"),
        )
    }
    assert "src/shop/db/fastapi/__init__.py" in new
    assert "tests/db/fastapi/fixtures.py" in new
    assert (
        "ROUTERS: list[APIRouter] = []" in (project / "src/shop/api/routes/__init__.py").read_text()
    )
    (project / "src/shop/api/app.py").write_text("# ours\n")
    commit(project, "Work")
    (older / "template/tools/new.py").write_text('"""A new tool."""\n')
    publish(older, "v3.0.0")
    update(project)
    assert (project / "tools/new.py").exists()
    assert (project / "src/shop/api/app.py").read_text() == "# ours\n"


@pytest.mark.slow
def test_an_update_that_adds_the_web_does_not_change_a_package_of_the_same_name(
    older: Path, tmp_path: Path
) -> None:
    project = render_project(older, tmp_path / "shop")
    (project / "src/shop/api").mkdir()
    (project / "src/shop/api/app.py").write_text("# ours\n")
    commit(project, "Work")
    publish(older, "v2.0.0")

    update(project, web_framework="fastapi")

    assert [path.name for path in (project / "src/shop/api").iterdir()] == ["app.py"]
    assert (project / "src/shop/api/app.py").read_text() == "# ours\n"


@pytest.mark.slow
def test_files_that_need_the_web_are_named_after_it_is_switched_off(
    template: Path, tmp_path: Path
) -> None:
    versions = snapshot(tmp_path / "template", template)
    publish(versions, "v1.0.0")
    project = render_project(versions, tmp_path / "shop")
    commit(project, "Render")

    update(project, web_framework="none")

    assert not (project / "src/shop/db/fastapi").exists()
    assert "fastapi" not in (project / "pyproject.toml").read_text()
    result = attempt(["python3", "-m", "tools.updated", "HEAD"], project)
    assert result.returncode == 1
    for name in ("app.py", "dependencies.py"):
        assert f"    src/shop/api/{name}:" in result.stdout
    git(project, "rm", "-r", "--quiet", "src/shop/api")
    commit(project, "Remove the web")
    assert attempt(["python3", "-m", "tools.updated", "HEAD"], project).returncode == 0


@pytest.mark.slow
def test_the_service_is_served_where_there_is_nothing(shop: Path) -> None:
    """`just serve` needs no database and no settings."""
    with serving(shop) as url:
        assert get(f"{url}/health/ready") == {"status": "ok"}
        assert "/health/live" in get(f"{url}/openapi.json")["paths"]
        log = (shop / "serve.log").read_text()

    assert "/health/" not in log


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)
