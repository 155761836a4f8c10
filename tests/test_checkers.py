"""Checkers for each kind of file judge the files that are not Python."""

import os
import re
from pathlib import Path

import pytest

from tests.helpers import ROOT, Render, run


@pytest.fixture(scope="module")
def projects(render: Render, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("checkers")
    return [
        render(directory / "github", license="MIT", user_name="Ada", user_email="ada@example.com"),
        render(directory / "gitlab", ci="gitlab", example=False),
        render(directory / "small", docker=False, ci="none", user_email="ada@example.com"),
    ]


def check_schema(name: str, *files: Path) -> None:
    run(["check-jsonschema", "--builtin-schema", name, *map(str, files)], ROOT)


def test_the_metadata_is_valid(projects: list[Path]) -> None:
    for project in projects:
        # Otherwise it asks the network for the list of classifiers.
        run(["validate-pyproject", "pyproject.toml"], project, VALIDATE_PYPROJECT_NO_NETWORK="1")


def test_the_workflows_are_valid(projects: list[Path]) -> None:
    workflows = [each / ".github/workflows/ci.yml" for each in (ROOT, projects[0])]

    check_schema("vendor.github-workflows", *workflows)
    check_schema("vendor.gitlab-ci", projects[1] / ".gitlab-ci.yml")


def test_the_workflows_are_safe(projects: list[Path]) -> None:
    for project in (ROOT, projects[0]):
        run(["zizmor", "--offline", "--persona=pedantic", ".github/workflows"], project)


def test_the_workflows_pin_their_actions(projects: list[Path]) -> None:
    for project in (ROOT, projects[0]):
        text = (project / ".github/workflows/ci.yml").read_text()
        for action in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", action)


def test_every_ci_calls_the_check_and_nothing_else(projects: list[Path]) -> None:
    for path in (projects[0] / ".github/workflows/ci.yml", projects[1] / ".gitlab-ci.yml"):
        assert "uv run just check" in path.read_text()
        assert "pytest" not in path.read_text()


def test_the_compose_file_is_valid(projects: list[Path]) -> None:
    check_schema("vendor.compose-spec", projects[0] / "compose.yaml")


def test_the_dockerfile_passes_its_checker(projects: list[Path]) -> None:
    for project in projects[:2]:
        # DL3013 wants one version for `pip install uv`. A range is renewed with the image.
        run(["hadolint", "--ignore", "DL3013", "Dockerfile"], project)


def test_scripts_are_executable() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
