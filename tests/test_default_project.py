"""The default project passes its checks, works on a bare machine, and uses Docker if it can."""

import re
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Record, Render, commit, just


def test_the_default_project_passes_its_own_checks(
    render: Render, tmp_path: Path, record_property: Record, pytestconfig: pytest.Config
) -> None:
    project = render(tmp_path / "a project")
    assert pytestconfig.cache
    # mypy knows libraries by their paths. In another directory, it would read all of them again.
    kept = pytestconfig.cache.mkdir("default-project") / ".venv"

    output = just(project, "check", UV_PROJECT_ENVIRONMENT=str(kept), **NO_DOCKER)

    assert "files already formatted" in output  # `just format` is the first check
    assert "PostgreSQL: embedded, because Docker does not answer" in output
    [summary] = re.findall(r"\d+ passed.*", output)
    record_property("suite of the default project", summary.strip("= "))
    assert not re.search(r"\d+ (skipped|failed|xfailed|warning)", output)
    commit(project, "Check")  # git ignores the files that the checks leave, except uv.lock
    assert (project / "uv.lock").exists()


def test_the_demo_runs_where_there_is_nothing(shop: Path) -> None:
    output = just(shop, "demo", **NO_DOCKER)

    assert "this starts a temporary PostgreSQL" in output
    assert "UniqueViolation" in output
    assert 'constraint "uq_users_email"' in output
    assert "InsufficientCredits" in output
    balances = re.findall(r"(ada|bob)-\w+ │ (\d+)", output)
    assert balances == [("ada", "70"), ("bob", "30")] * 2  # the overdraft changed nothing
    assert output.index("Note 7") < output.index("Note 1")
    assert "page 3" in output


def test_the_commands_are_listed_with_what_they_do(shop: Path) -> None:
    listed = just(shop)

    for recipe in re.findall(
        r"^(\w+)[^:=\n]*:(?!=)", (shop / "justfile").read_text(), re.MULTILINE
    ):
        if recipe != "default":
            assert re.search(rf"^    {recipe}\b.*# \w", listed, re.MULTILINE), recipe


@pytest.mark.requires("docker")
def test_the_tests_run_in_a_container(shop: Path) -> None:
    output = just(shop, "test", "tests/db", TEST_POSTGRES="docker")

    assert "PostgreSQL: docker, because TEST_POSTGRES asks for it" in output
    assert re.search(r"\d+ passed", output)
