"""Every rendered file is the template's, the project's, or divided by a line; see ownership.yml."""

from pathlib import Path

import pytest
import yaml
from pathspec import PathSpec

from tests.helpers import CONFIG, ROOT, Render

OWNERSHIP: dict[str, list[str]] = yaml.safe_load((ROOT / "tests/ownership.yml").read_text())
CLASSES = {name: PathSpec.from_lines("gitignore", lines) for name, lines in OWNERSHIP.items()}
ZONE = "# Yours."


@pytest.fixture(scope="module")
def projects(render: Render, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two projects that have every file between them."""
    directory = tmp_path_factory.mktemp("ownership")
    return [
        render(directory / "shop", license="MIT", audit="triggers"),
        render(directory / "store", package_name="store", ci="gitlab", example=False),
    ]


def files(project: Path) -> list[str]:
    return [path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()]


def test_every_file_has_one_class(projects: list[Path]) -> None:
    for name in {name for project in projects for name in files(project)}:
        classes = [each for each, spec in CLASSES.items() if spec.match_file(name)]
        assert len(classes) == 1, f"{name} is {' and '.join(classes) or 'in no class'}"


def test_the_manifest_names_no_file_that_is_not_there(projects: list[Path]) -> None:
    names = [name for project in projects for name in files(project)]
    for patterns in OWNERSHIP.values():
        for pattern in patterns:
            spec = PathSpec.from_lines("gitignore", [pattern])
            assert any(spec.match_file(name) for name in names), pattern


def test_shared_files_and_no_others_have_a_line_between(projects: list[Path]) -> None:
    for project in projects:
        for name in files(project):
            divided = ZONE in [line.strip() for line in (project / name).read_text().splitlines()]
            assert divided == CLASSES["shared"].match_file(name), name


def test_an_update_leaves_out_the_seeds_and_nothing_else(projects: list[Path]) -> None:
    lists = CONFIG["seed_files"]["default"] + CONFIG["example_files"]["default"]
    for project, package in zip(projects, ["shop", "store"], strict=True):
        lines = lists.replace("{{ package_name }}", package).splitlines()
        left_out = PathSpec.from_lines("gitignore", lines)
        for name in files(project):
            assert left_out.match_file(name) == CLASSES["seed"].match_file(name), name


def test_the_project_explains_where_things_live(projects: list[Path]) -> None:
    for project in projects:
        readme = (project / "README.md").read_text()
        directories = {Path(name).parts[0] for name in files(project) if "/" in name}
        for directory in directories - {".github", "src"}:
            assert f"| `{directory}/" in readme, directory
