"""Rendered projects pass their own checks, on each of the three kinds of PostgreSQL."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import CONFIG, NO_DOCKER, Record, Render, commit, just, run

pytestmark = pytest.mark.slow

PROJECTS: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "bigint without Docker files, in a container": (
        {"primary_key": "bigint", "docker": False, "ci": "gitlab", "license": "MIT"},
        {"TEST_POSTGRES": "docker"},
        "docker, because TEST_POSTGRES asks for it",
    ),
    "uuid4, docker by default": ({"primary_key": "uuid4", "ci": "none"}, {}, "docker, because"),
    "no example, embedded": (
        {"example": False, "observability": "opentelemetry"},
        {"TEST_POSTGRES": "embedded"},
        "embedded, because TEST_POSTGRES asks for it",
    ),
    "no example, bigint, in a container": (
        {"example": False, "primary_key": "bigint", "package_name": "a", "audit": "triggers"},
        {"TEST_POSTGRES": "docker"},
        "docker, because",
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.requires("docker") if "docker" in source else ())
        for name, (_, _, source) in PROJECTS.items()
    ],
)
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
    commit(project, "Check")  # git ignores the files that the checks leave, except uv.lock
    assert (project / "uv.lock").exists()


def test_a_project_passes_with_the_lowest_dependencies_that_it_allows(
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


@pytest.mark.requires("root")
def test_an_ordinary_user_needs_no_more_than_root(render: Render, open_directory: Path) -> None:
    project = render(open_directory / "shop")
    # The uv on PATH may be a wrapper that belongs to root. The variable UV names the program
    # itself.
    where = run(["uv", "run", "--no-project", "printenv", "UV"], project).strip()
    uv = str(shutil.copy(where, open_directory))
    run([uv, "sync", "--quiet", "--python", "/usr/bin/python3", "--link-mode", "copy"], project)
    run(["chown", "--recursive", "nobody", str(open_directory)], project)
    environment = {
        "HOME": str(open_directory),
        "PATH": f"{open_directory}:{os.environ['PATH']}",
        "UV_CACHE_DIR": str(open_directory / "cache"),
    }

    result = subprocess.run(
        ["uv", "run", "just", "check"],
        cwd=project,
        env=os.environ | environment | NO_DOCKER,
        user="nobody",
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\d+ passed", result.stdout)


@pytest.mark.requires("node")
def test_pyright_finds_nothing(shop: Path) -> None:
    output = run(["pyright", "--pythonpath", str(shop / ".venv/bin/python")], shop)

    assert "0 errors, 0 warnings" in output


def test_the_reserved_names_cover_what_a_project_depends_on(shop: Path) -> None:
    lock = tomllib.loads((shop / "uv.lock").read_text())
    distributions = {package["name"].replace("-", "_") for package in lock["package"]}
    code = "import importlib.metadata as m; print(*m.packages_distributions())"
    modules = set(run(["uv", "run", "python", "-c", code], shop).split())

    names = {name for name in distributions | modules if re.fullmatch("[a-z](_?[a-z0-9])*", name)}
    assert names - {"shop"} <= set(CONFIG["reserved_names"]["default"])


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_suite_runs_in_parallel_and_in_any_order(shop: Path, seed: str) -> None:
    output = just(shop, "test", "-n", "2", f"--randomly-seed={seed}", **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
