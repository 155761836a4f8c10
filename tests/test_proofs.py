"""The data layer's heavy proofs hold in a rendered project, and cover its code."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import NO_DOCKER, ROOT, Record, Render, edit, run

# Branches included; by the proofs and the project's own tests together.
COVERED = 98

# What the proofs import and the project does not.
TOOLS = [
    "coverage>=7.11",
    "fastapi>=0.121",
    "httpx>=0.28",
    "hypothesis>=6.150",
    "trustme>=1.2",
    "uvicorn>=0.38",
]


@pytest.fixture(scope="module")
def proved(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project with the proofs among its tests."""
    shop = render(tmp_path_factory.mktemp("proofs") / "shop")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests/proofs", shop / "tests/proofs", ignore=ignored)
    # The proofs start programs, as tools/ does.
    edit(shop / "pyproject.toml", '"tools/**" = ["S603"', '"{tools,tests/proofs}/**" = ["S603"')
    run(["uv", "add", "--quiet", "--dev", *TOOLS], shop)
    (shop / ".coveragerc").write_text(
        "[run]\n"
        "branch = true\n"
        "source = src/shop/db\n"
        "concurrency = greenlet, thread\n"
        "parallel = true\n"
        "patch = subprocess\n"
    )
    return shop


def test_the_proofs_hold_and_cover_the_layer(proved: Path, record_property: Record) -> None:
    # In a family of reports that has the figures of `record_property`.
    command = ["pytest", "-n", "2", "--junitxml=report.xml", "--override-ini=junit_family=xunit1"]
    output = run(["uv", "run", "coverage", "run", "-m", *command], proved, **NO_DOCKER)
    run(["uv", "run", "coverage", "combine", "--quiet"], proved)
    run(["uv", "run", "coverage", "json", "--quiet"], proved)

    totals = json.loads((proved / "coverage.json").read_text())["totals"]
    [summary] = re.findall(r"\d+ passed.*", output)
    for figure in ElementTree.parse(proved / "report.xml").iter("property"):
        record_property(figure.attrib["name"], figure.attrib["value"])
    record_property("proofs and the project's own tests", summary.strip("= "))
    record_property("branch coverage of db/, per cent", round(totals["percent_covered"], 1))
    assert totals["percent_covered"] >= COVERED, run(
        ["uv", "run", "coverage", "report", "--show-missing"], proved
    )


def test_the_proofs_are_typed_like_the_project(proved: Path) -> None:
    run(["uv", "run", "mypy"], proved)
    run(["uv", "run", "ruff", "check", "."], proved)
