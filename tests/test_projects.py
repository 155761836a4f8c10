"""Rendered projects pass their own checks, on each of the three kinds of PostgreSQL."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CONFIG, NO_DOCKER, Record, Render, commit, just, run

PROJECTS: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "default, embedded": ({}, NO_DOCKER, "embedded, because Docker does not answer"),
    "bigint without Docker files, in a container": (
        {"primary_key": "bigint", "docker": False, "ci": "gitlab", "license": "MIT"},
        {"TEST_POSTGRES": "docker"},
        "docker, because TEST_POSTGRES asks for it",
    ),
    "uuid4, whichever is there": ({"primary_key": "uuid4", "ci": "none"}, {}, "docker, because"),
    "no example, embedded": (
        {"example": False},
        {"TEST_POSTGRES": "embedded"},
        "embedded, because TEST_POSTGRES asks for it",
    ),
    "no example, bigint, in a container": (
        {"example": False, "primary_key": "bigint", "package_name": "a"},
        {"TEST_POSTGRES": "docker"},
        "docker, because",
    ),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_passes_its_own_checks(
    render: Render, tmp_path: Path, record_property: Record, name: str
) -> None:
    answers, environment, source = PROJECTS[name]
    project = render(tmp_path / "a project", **answers)

    output = just(project, "check", **environment)

    assert f"PostgreSQL: {source}" in output
    [summary] = re.findall(r"\d+ passed.*", output)
    record_property(f"suite of the project {name}", summary.strip("= "))
    assert not re.search(r"\d+ (skipped|failed|xfailed|warning)", output)
    commit(project, "Check")  # what the checks leave behind is ignored or wanted
    assert (project / "uv.lock").exists()


def test_a_project_passes_on_the_lowest_dependencies_it_allows(
    render: Render, tmp_path: Path
) -> None:
    project = render(tmp_path / "shop")

    output = just(project, "check", UV_RESOLUTION="lowest-direct", **NO_DOCKER)

    lowest = re.findall(
        r'"([a-z-]+)(?:\[.*?\])?>=([\d.]+)', (project / "pyproject.toml").read_text()
    )
    installed = run(["uv", "pip", "freeze"], project)
    for distribution, version in lowest:
        if distribution != "hatchling":
            assert re.search(
                rf"^{distribution}=={re.escape(version)}(\.0)*$", installed, re.MULTILINE
            )
    assert re.search(r"\d+ passed", output)


def test_pyright_finds_nothing(shop: Path) -> None:
    output = run(["pyright", "--pythonpath", str(shop / ".venv/bin/python")], shop)

    assert "0 errors, 0 warnings" in output


def test_the_reserved_names_cover_what_a_project_depends_on(shop: Path) -> None:
    lock = tomllib.loads((shop / "uv.lock").read_text())
    names = {package["name"].replace("-", "_") for package in lock["package"]} - {"shop"}

    assert names <= set(CONFIG["reserved_names"]["default"].split())


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_suite_runs_in_parallel_and_in_any_order(shop: Path, seed: str) -> None:
    output = just(shop, "test", "-n", "2", f"--randomly-seed={seed}", **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
