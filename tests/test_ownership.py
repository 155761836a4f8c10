"""Each rendered file belongs to the template, to the project, or to both. See ownership.py."""

from pathlib import Path

import pytest
from jinja2 import Template

from tests.helpers import CONFIG, Render
from tests.ownership import PATTERNS, classes, files, matches
from tests.renders import render_each_answer


@pytest.fixture(scope="module")
def projects(render: Render, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A few projects. Together they have every file of the template."""
    directory = tmp_path_factory.mktemp("ownership")
    return [*render_each_answer(render, directory), render(directory / "elsewhere")]


def test_every_file_has_one_class(projects: list[Path]) -> None:
    for project in projects:
        for name in files(project):
            assert len(classes(project, name)) == 1, (name, classes(project, name))


def test_every_pattern_matches_a_file(projects: list[Path]) -> None:
    names = [name for project in projects for name in files(project)]
    for patterns in PATTERNS.values():
        for pattern in patterns:
            assert any(matches([pattern], name) for name in names), pattern


def test_an_update_leaves_out_the_seeds_and_nothing_else(projects: list[Path]) -> None:
    lines = [Template(line).render(_copier_operation="update") for line in CONFIG["_exclude"]]
    for project in projects:
        for name in files(project):
            assert matches(lines, name) == (classes(project, name) == ["seed"]), name


def test_the_readme_of_the_project_explains_its_directories(projects: list[Path]) -> None:
    for project in projects:
        readme = (project / "README.md").read_text()
        directories = {Path(name).parts[0] for name in files(project) if "/" in name}
        for directory in directories - {".github", "src"}:
            assert f"| `{directory}/" in readme, directory
        assert "what the program does into `services/`" in readme  # also without the example
        assert "programs into `entrypoints/`" in readme
