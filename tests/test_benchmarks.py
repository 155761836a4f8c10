"""The benchmarks run. No test judges their figures."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import WITH_TENANTS
from benchmarks.aims import AIMS
from benchmarks.figures import Sample, collect
from benchmarks.project import equip
from tests.helpers import ROOT, Render, attempt, run

pytestmark = pytest.mark.slow

CONTESTANTS = {
    "copier copy": 2,
    "get": 5,
    "session": 4,
    "page at 0 %": 6,
    "page at 50 %": 6,
    "page at 99 %": 6,
    "page of a mixed order": 3,
    "insert 50,000": 6,
    "upsert 50,000": 4,
    "stream 500,000": 6,
    "tasks": 4,
    "http read": 4,
    "http list": 4,
    "http create": 4,
    "tenants, get": 2,
    "tenants, transaction": 2,
    "tenants, page": 2,
    "tenants, insert": 2,
}


def benchmark(*arguments: str) -> list[str]:
    return ["just", "bench", "--rounds", "1", "--scale", "0.002", *arguments]


def test_every_contestant_of_every_measure_reports(tmp_path: Path) -> None:
    printed = run(benchmark("--markdown", "--json", str(tmp_path / "figures")), ROOT)

    report = json.loads((tmp_path / "figures").read_text())
    assert {name: len(each) for name, each in report["measures"].items()} == CONTESTANTS
    for contestants in report["measures"].values():
        for name, figures in contestants.items():
            assert figures["median"] > 0, name
            assert len(figures["seconds"]) == 1  # the warm-up does not count
            assert f"| {name} |" in printed
    assert report["aims"].keys() == {aim.text for aim in AIMS}
    assert report["versions"].keys() > {"Python", "PostgreSQL", "sqlalchemy", "advanced-alchemy"}


def test_an_unknown_measure_is_refused() -> None:
    result = attempt(benchmark("--only", "got"), ROOT)

    assert result.returncode != 0
    assert "got" in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    ("package", "answers"),
    [("contestants", {"observability": "opentelemetry"}), ("tenants", WITH_TENANTS)],
)
def test_the_contestants_are_typed_like_the_project(
    render: Render, tmp_path: Path, package: str, answers: dict[str, str | bool]
) -> None:
    project = render(tmp_path / "shop", **answers)
    equip(project, package)

    run(["uv", "run", "--quiet", "--no-sync", "mypy"], project)


def test_a_ratio_compares_the_same_round_and_ignores_the_warm_up() -> None:
    seconds = {0: (9.0, 1.0), 1: (1.0, 2.0), 2: (10.0, 20.0), 3: (2.0, 5.0)}
    samples = [
        Sample(number, "get", name, place, {"s": figure})
        for number, pair in seconds.items()
        for place, (name, figure) in enumerate(zip(["raw", "ours"], pair, strict=True))
    ]

    [raw, ours] = collect(reversed(samples))["get"]

    assert (raw.contestant, ours.contestant) == ("raw", "ours")
    assert ours.ratio(raw) == pytest.approx(2.0)
    assert ours.median() == pytest.approx(5.0)
