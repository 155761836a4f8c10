"""Rendered projects pass their own checks, on each of the three kinds of PostgreSQL."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import covering_array
from tests.helpers import CONFIG, NO_DOCKER, Record, Render, commit, just, run
from tests.matrix import CELLS, PROGRAMS, Matrix, dependencies
from tests.ownership import files

pytestmark = pytest.mark.slow


def test_every_project_has_the_python_files_of_its_program(matrix: Matrix) -> None:
    programs = {
        tuple(sorted(covering_array.program(row).items())): python_files(matrix.cell(number))
        for number, row in enumerate(covering_array.rows())
        if number in PROGRAMS
    }
    for number, row in enumerate(covering_array.rows()):
        program = tuple(sorted(covering_array.program(row).items()))
        assert python_files(matrix.cell(number)) == programs[program], number

    assert len({str(files) for files in programs.values()}) == len(PROGRAMS)


def python_files(project: Path) -> dict[str, str]:
    """Return the texts that the checks of a program read, without its name and description."""
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    metadata = (project / "pyproject.toml").read_text()
    texts = {name: (project / name).read_text() for name in files(project) if name.endswith(".py")}
    texts["dependencies"] = str(dependencies(metadata))
    texts["settings"] = metadata.partition("[dependency-groups]")[2]
    package = answers["package_name"]
    spellings = [
        answers["description"],
        answers["project_name"],
        package,
        package.upper(),
        package.replace("_", "-"),
    ]
    pattern = re.compile("|".join(map(re.escape, spellings)))
    return {pattern.sub("…", name): pattern.sub("…", text) for name, text in texts.items()}


@pytest.mark.parametrize("number", PROGRAMS)
def test_a_project_passes_its_own_checks(
    matrix: Matrix, server: str, record_property: Record, number: int
) -> None:
    output = matrix.run(number, ["just", "check"], TEST_DATABASE_URL=server)

    assert "PostgreSQL: external, because TEST_DATABASE_URL is set" in output
    answers = ", ".join(f"{name}={CELLS[number][name]}" for name in covering_array.programs())
    [summary] = re.findall(r"\d+ passed.*", output)
    record_property(f"suite of the project with {answers}", summary.strip("= "))
    assert not re.search(r"\d+ (skipped|failed|xfailed|warning)", output)


@pytest.mark.requires("node")
def test_pyright_finds_nothing_in_any_project(matrix: Matrix, tmp_path: Path) -> None:
    projects = [matrix.program(number) for number in PROGRAMS]
    config = {
        "include": [str(project) for project in projects],
        "executionEnvironments": [
            {"root": str(project), "extraPaths": [str(project / "src")]} for project in projects
        ],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    # The largest environment has all dependencies. The checks above find a missing dependency.
    environments = {matrix.environment(number) for number in PROGRAMS}
    largest = max(
        environments, key=lambda each: len(list((each / "lib").glob("*/site-packages/*")))
    )
    python = largest / "bin/python"

    output = run(["pyright", "--project", str(tmp_path), "--pythonpath", str(python)], tmp_path)

    assert "0 errors, 0 warnings" in output


@pytest.mark.requires("docker")
def test_a_project_uses_docker_by_default(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "a project", package_name="a", audit="triggers", example=False)

    output = just(project, "check")

    assert "PostgreSQL: docker, because its daemon answers" in output
    assert re.search(r"\d+ passed", output)
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
        "MYPY_CACHE_DIR": str(open_directory / "mypy"),  # root owns that of the other tests
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


def test_the_reserved_names_cover_what_a_project_depends_on(shop: Path) -> None:
    lock = tomllib.loads((shop / "uv.lock").read_text())
    distributions = {package["name"].replace("-", "_") for package in lock["package"]}
    code = "import importlib.metadata as m; print(*m.packages_distributions())"
    modules = set(run(["uv", "run", "python", "-c", code], shop).split())

    names = {name for name in distributions | modules if re.fullmatch("[a-z](_?[a-z0-9])*", name)}
    assert names - {"shop"} <= set(CONFIG["reserved_names"]["default"])


def test_the_suite_runs_in_parallel_and_in_any_order(shop: Path) -> None:
    # Each run has another order. pytest-randomly prints its seed.
    output = just(shop, "test", "-n", "2", **NO_DOCKER)

    assert re.search(r"\d+ passed", output)
