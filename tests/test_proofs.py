"""The data layer's heavy proofs hold in a rendered project, and cover its code."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.helpers import NO_DOCKER, ROOT, Record, Render, edit, run
from tests.proofs.support.sampling import FULL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.proof,
    pytest.mark.requires("pgbouncer", "postgresql"),
]

# Per cent, with branches. The proofs and the project's own tests are counted together.
COVERED = 98

# The packages that the proofs import and the project does not.
TOOLS = [
    "aiosqlite>=0.22",
    "coverage>=7.11",
    "hypothesis>=6.150",
    "python-multipart>=0.0.20",
    "trustme>=1.2",
]

# Long proofs of a behaviour that shorter ones also run through. They would take twice the time if their
# coverage were measured. So they run without it.
LONG = [
    "dialect/test_sqlite.py",
    "migrations/test_behind_a_reader.py",
    "migrations/test_faults.py",
    "migrations/test_locks.py",
    "migrations/test_order.py",
    "migrations/test_phases.py",
    "migrations/test_under_load.py",
    "paging/test_hostile_input.py",
    "paging/test_properties.py",
    "paging/test_types.py",
    "postgresql/test_pgbouncer.py",
    "repository/test_types.py",
    "unit_of_work/test_faults_restart.py",
    "unit_of_work/test_isolated_price.py",
    "unit_of_work/test_storm.py",
]

# By directory of proofs: the answers that render the code for them.
OPTIONS: dict[str, dict[str, str]] = {
    "audit": {"audit": "triggers", "web_framework": "none"},
    "fastapi": {"web_framework": "fastapi"},
    "opentelemetry": {"observability": "opentelemetry"},
}


@pytest.fixture(scope="module")
def proved(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without options, and with the proofs among its tests."""
    shop = render(tmp_path_factory.mktemp("proofs") / "shop", web_framework="none")
    return install_proofs(shop)


@pytest.fixture(scope="module", params=OPTIONS)
def proved_option(
    request: pytest.FixtureRequest, render: Render, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A project with an option, and the option's proofs among its tests."""
    option = request.param
    shop = render(tmp_path_factory.mktemp(option) / "shop", **OPTIONS[option])
    return install_option(shop, option)


def install_proofs(shop: Path) -> Path:
    """Put the proofs among a default project's tests."""
    ignored = shutil.ignore_patterns("__pycache__", "jobs", *OPTIONS)
    shutil.copytree(ROOT / "tests/proofs", shop / "tests/proofs", ignore=ignored)
    return prepare(shop)


def install_option(shop: Path, option: str) -> Path:
    """Copy the proofs of an option into a project's tests, with the files that several rooms share."""
    proofs = shop / "tests/proofs"
    ignored = shutil.ignore_patterns("__pycache__")
    for room in (option, "support"):
        shutil.copytree(ROOT / "tests/proofs" / room, proofs / room, ignore=ignored)
    shutil.copy(ROOT / "tests/proofs/__init__.py", proofs)
    return prepare(shop, f"source = src/shop/db/{option}")


def prepare(shop: Path, covered: str = "source_pkgs = shop.db") -> Path:
    """Let a project measure what its tests cover."""
    # The proofs start programs, as tools/ does.
    edit(shop / "pyproject.toml", '"{scripts,tools}/**"', '"{scripts,tools,tests/proofs}/**"')
    run(["uv", "add", "--quiet", "--dev", *TOOLS], shop)
    (shop / ".coveragerc").write_text(
        "[run]\n"
        "branch = true\n"
        f"{covered}\n"
        "concurrency = greenlet, thread\n"
        "parallel = true\n"
        "patch = subprocess, _exit\n"
        # A room that a proof adds to a copy of the layer.
        "omit = */shop/db/sqlite/*\n"
        # The proofs of migrations run copies of the project, in other processes.
        "[paths]\n"
        "db =\n"
        "    src/shop/db\n"
        "    */shop/db\n"
    )
    return shop


def prove(shop: Path, program: list[str], record_property: Record, *tests: str) -> str:
    """Run tests by a program, record what they measured, and return their summary."""
    # This family of reports has the figures of `record_property`.
    report = ["--junitxml=report.xml", "--override-ini=junit_family=xunit1"]
    output = run(["uv", "run", *program, "-n", "2", *report, *tests], shop, **NO_DOCKER)
    return record(shop, output, record_property)


def measure(shop: Path, record_property: Record, *tests: str) -> tuple[str, float]:
    """Run tests; return their summary and the branches that they cover, in per cent."""
    summary = prove(shop, ["coverage", "run", "-m", "pytest"], record_property, *tests)
    run(["uv", "run", "coverage", "combine", "--quiet"], shop)
    run(["uv", "run", "coverage", "json", "--quiet"], shop)
    totals = json.loads((shop / "coverage.json").read_text())["totals"]
    return summary, totals["percent_covered"]


def record(shop: Path, output: str, record_property: Record) -> str:
    """Record the figures that the proofs of a run measured, and return the run's summary."""
    [summary] = re.findall(r"\d+ passed.*", output)
    [seed] = re.findall(r"--randomly-seed=(\d+)", output)
    record_property(
        "counts of the proofs", "all" if FULL else f"a twentieth, drawn with seed {seed}"
    )
    for figure in ElementTree.parse(shop / "report.xml").iter("property"):
        record_property(figure.attrib["name"], figure.attrib["value"])
    return str(summary).strip("= ")


def test_the_proofs_hold_and_cover_the_layer(proved: Path, record_property: Record) -> None:
    others = [f"--ignore=tests/proofs/{each}" for each in LONG]

    summary, covered = measure(proved, record_property, *others)

    record_property("proofs and the project's own tests", summary)
    record_property("branch coverage of db/, per cent", round(covered, 1))
    assert covered >= COVERED, run(["uv", "run", "coverage", "report", "--show-missing"], proved)


def test_the_long_proofs_hold(proved: Path, record_property: Record) -> None:
    files = [f"tests/proofs/{each}" for each in LONG]

    summary = prove(proved, ["pytest"], record_property, *files)

    record_property("long proofs", summary)


def test_the_proofs_of_an_option_hold_and_cover_it(
    proved_option: Path, record_property: Record
) -> None:
    summary, covered = measure(proved_option, record_property, "tests/proofs", "tests/db")

    record_property(f"proofs of {proved_option.parent.name}", summary)
    assert covered >= COVERED, run(
        ["uv", "run", "coverage", "report", "--show-missing"], proved_option
    )


def test_the_proofs_are_typed_like_the_project(proved: Path) -> None:
    run(["uv", "run", "mypy"], proved)
    run(["uv", "run", "ruff", "check", "."], proved)


def test_the_proofs_of_an_option_are_typed_like_the_project(proved_option: Path) -> None:
    run(["uv", "run", "just", "lint", "types", "imports"], proved_option)
