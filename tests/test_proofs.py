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

# Per cent, with branches. The proofs and the project's own tests are counted together. Measuring it doubles
# their time, so only `just proofs` does that.
COVERED = 98

# The packages that the proofs import and the project does not.
TOOLS = [
    "aiosqlite>=0.22",
    "coverage>=7.11",
    "hypothesis>=6.150",
    "python-multipart>=0.0.31",
    "trustme>=1.2",
]
MORE_TOOLS = {"tenancy": ["pgrls>=0.57"]}

# By directory of proofs: the answers that render the code for them.
OPTIONS: dict[str, dict[str, str | bool]] = {
    "audit": {"audit": "triggers", "web_framework": "none"},
    "fastapi": {"web_framework": "fastapi"},
    "opentelemetry": {"observability": "opentelemetry"},
    "tenancy": {
        "multi_tenancy": "rls",
        "example": False,
        "audit": "triggers",
        "observability": "opentelemetry",
    },
}


# The files of support that do not need the example.
FREE_OF_EXAMPLE = {"own_migrations.py", "pgbouncer.py", "sampling.py"}


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
    for room, left_out in ((option, ()), ("support", left_out_of_support(option))):
        ignored = shutil.ignore_patterns("__pycache__", *left_out)
        shutil.copytree(ROOT / "tests/proofs" / room, proofs / room, ignore=ignored)
    shutil.copy(ROOT / "tests/proofs/__init__.py", proofs)
    return prepare(shop, f"source = src/shop/db/{option}", *MORE_TOOLS.get(option, ()))


def left_out_of_support(option: str) -> list[str]:
    """Return the files that a project without the example cannot use, because they import it."""
    if OPTIONS[option].get("example", True):
        return []
    support = (ROOT / "tests/proofs/support").glob("*.py")
    return [each.name for each in support if each.name not in {"__init__.py", *FREE_OF_EXAMPLE}]


def prepare(shop: Path, covered: str = "source_pkgs = shop.db", *tools: str) -> Path:
    """Let a project measure what its tests cover."""
    # The proofs start programs, as tools/ does.
    edit(shop / "pyproject.toml", '"{scripts,tools}/**"', '"{scripts,tools,tests/proofs}/**"')
    run(["uv", "add", "--quiet", "--dev", *TOOLS, *tools], shop)
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


def prove(shop: Path, record_property: Record, *tests: str) -> str:
    """Run tests, record what they measured, and return their summary. With full counts, check the coverage."""
    program = ["coverage", "run", "-m", "pytest"] if FULL else ["pytest"]
    # This family of reports has the figures of `record_property`.
    report = ["--junitxml=report.xml", "--override-ini=junit_family=xunit1"]
    output = run(["uv", "run", *program, "-n", "2", *report, *tests], shop, **NO_DOCKER)
    if FULL:
        check_coverage(shop, record_property)
    return record(shop, output, record_property)


def check_coverage(shop: Path, record_property: Record) -> None:
    """Fail if the tests that ran leave too many branches of the layer out."""
    for command in ("combine", "json"):
        run(["uv", "run", "coverage", command, "--quiet"], shop)
    covered = json.loads((shop / "coverage.json").read_text())["totals"]["percent_covered"]
    record_property(
        f"branch coverage in the project {shop.parent.name}, per cent", round(covered, 1)
    )
    assert covered >= COVERED, run(["uv", "run", "coverage", "report", "--show-missing"], shop)


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
    summary = prove(proved, record_property)

    record_property("proofs and the project's own tests", summary)


def test_the_proofs_of_an_option_hold_and_cover_it(
    proved_option: Path, record_property: Record
) -> None:
    summary = prove(proved_option, record_property, "tests/proofs", "tests/db")

    record_property(f"proofs of {proved_option.parent.name}", summary)


def test_the_proofs_are_typed_like_the_project(proved: Path) -> None:
    run(["uv", "run", "mypy"], proved)
    run(["uv", "run", "ruff", "check", "."], proved)


def test_the_proofs_of_an_option_are_typed_like_the_project(proved_option: Path) -> None:
    # `just lint` would also refuse the mistakes that proofs make on purpose.
    run(["uv", "run", "ruff", "check", "."], proved_option)
    run(["uv", "run", "just", "types", "imports"], proved_option)
