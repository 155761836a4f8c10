"""If a part is missing, the tests that need it do not run, and the last lines say so."""

import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT, attempt

PLUGIN = """
from tests.requirements import PARTS, Part

PARTS["a moon"] = Part(lambda: False, "there is no moon", "wait for the night")
PARTS["a sun"] = Part(lambda: True, "there is no sun", "wait for the day")
"""
TESTS = """
import pytest


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.requires("a moon")
def test_the_tide(number: int) -> None:
    assert number


@pytest.mark.requires("a sun")
def test_the_shade() -> None:
    pass


@pytest.mark.skip(reason="for another reason")
def test_nothing() -> None:
    pass
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a command that runs tests. One of them needs a missing part."""
    (tmp_path / "sky.py").write_text(PLUGIN)
    (tmp_path / "test_sky.py").write_text(TESTS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    plugins = ["-p", "tests.requirements", "-p", "sky", "-p", "no:cacheprovider"]
    return [sys.executable, "-m", "pytest", *plugins, "-c", "pyproject.toml", str(tmp_path)]


def test_the_last_lines_name_the_tests_that_did_not_run(suite: list[str]) -> None:
    result = attempt([*suite, "-n", "1"], ROOT, REQUIRE="")

    assert result.returncode == 0, result.stdout
    why, what, _, how = result.stdout.splitlines()[-4:]
    assert why == "Not run, because there is no moon:"
    assert what.endswith("test_sky.py::test_the_tide[1]")
    assert how == "  To run it: wait for the night."
    assert "1 passed, 3 skipped" in result.stdout


def test_a_missing_part_is_an_error_if_all_parts_are_required(suite: list[str]) -> None:
    result = attempt(suite, ROOT, REQUIRE="all")

    assert result.returncode != 0
    assert "it needs a moon: there is no moon" in result.stdout
    assert "1 passed, 1 skipped, 2 errors" in result.stdout
    assert "Not run" not in result.stdout
