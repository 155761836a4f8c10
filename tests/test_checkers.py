"""Checkers for each kind of file judge the files that are not Python."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import ROOT, run
from tests.matrix import Matrix, distinct

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def each(matrix: Matrix) -> Callable[[str], list[Path]]:
    """A function that returns the distinct files with a name, in all projects and in this repository."""
    return lambda name: distinct([project / name for project in [ROOT, *matrix.cells()]])


Each = Callable[[str], list[Path]]


def check_schema(name: str, files: list[Path]) -> None:
    assert files
    run(["check-jsonschema", "--builtin-schema", f"vendor.{name}", *map(str, files)], ROOT)


def test_the_metadata_is_valid(each: Each) -> None:
    # Otherwise it asks the network for the list of classifiers.
    offline = {"VALIDATE_PYPROJECT_NO_NETWORK": "1"}
    run(["validate-pyproject", *map(str, each("pyproject.toml"))], ROOT, **offline)


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        (".github/workflows/ci.yml", "github-workflows"),
        (".gitlab-ci.yml", "gitlab-ci"),
        (".github/dependabot.yml", "dependabot"),
        ("compose.yaml", "compose-spec"),
        ("renovate.json5", "renovate"),
    ],
)
def test_a_file_follows_its_schema(each: Each, name: str, schema: str) -> None:
    check_schema(schema, each(name))


def test_the_files_for_github_are_safe(each: Each) -> None:
    names = (".github/workflows/ci.yml", ".github/dependabot.yml")
    files = [str(path) for name in names for path in each(name)]

    run(["zizmor", "--offline", "--persona=pedantic", *files], ROOT)


def test_the_workflows_are_correct_and_so_are_their_shell_scripts(each: Each) -> None:
    files = [str(path) for path in each(".github/workflows/ci.yml")]
    run(["jactionlint", "--strict-exit", *files], ROOT)


def test_the_workflows_pin_their_actions(each: Each) -> None:
    for path in each(".github/workflows/ci.yml"):
        for action in re.findall(r"uses: (.*)", path.read_text()):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", action)


def test_every_ci_calls_the_check_and_nothing_else(each: Each) -> None:
    for path in [*each(".github/workflows/ci.yml"), *each(".gitlab-ci.yml")]:
        if not path.is_relative_to(ROOT):
            assert "uv run just check" in path.read_text()
            assert "pytest" not in path.read_text()


def test_the_dockerfile_passes_its_checker(each: Each) -> None:
    files = [str(path) for path in each("Dockerfile")]
    # DL3013 wants one version for `pip install uv`. A range is renewed with the image.
    run(["hadolint", "--ignore", "DL3013", *files], ROOT)


def test_the_hooks_are_valid(each: Each, tmp_path: Path) -> None:
    files = [str(path) for path in each(".pre-commit-config.yaml")]
    for tool in ("prek", "pre-commit"):
        run([tool, "validate-config", *files], ROOT, PRE_COMMIT_HOME=str(tmp_path))


def test_scripts_are_executable() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
