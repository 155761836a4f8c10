"""Run the benchmarks: `python -m benchmarks`, or `just bench`. See `--help`."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from tests.helpers import snapshot

from . import rendering
from .figures import Sample, collect
from .project import BenchmarkError, compete, equip
from .report import Report

CONTESTANTS = ["python", "-m", "contestants"]
OF_TENANTS = ["python", "-m", "tools.roles", "python", "-m", "tenants"]
MEASURES = ["copier", "get", "session", "page", "insert", "upsert", "stream", "tasks", "http"]
MEASURES += ["tenants"]
WITH_TENANTS: dict[str, str | bool] = {"multi_tenancy": "rls", "example": False}


def main() -> None:
    """Measure, and print the figures."""
    options = parse()
    load = os.getloadavg()[0]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    versions: dict[str, str] = {}
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            figures = collect(measure(options, versions, progress))
    except BenchmarkError as error:
        sys.exit(f"benchmarks: {error}")
    report = Report(figures, versions, options.rounds, options.scale, load)
    if options.json:
        options.json.write_text(json.dumps(report.json(), indent=2) + "\n")
    if options.markdown:
        print(report.markdown())
    else:
        report.print(Console())


def parse() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Compare the data layer with its peers."
    )
    parser.add_argument(
        "--rounds", type=int, default=7, help="the number of rounds; one more warms up"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="the share of all rows and gets")
    parser.add_argument(
        "--only",
        type=names,
        default=MEASURES,
        metavar="NAMES",
        help=f"what to measure: {','.join(MEASURES)}",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write all figures into this file"
    )
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Read a list of measures."""
    chosen = text.split(",")
    if unknown := ", ".join(name for name in chosen if name not in MEASURES):
        raise argparse.ArgumentTypeError(f"there is no measure {unknown}")
    return chosen


def measure(
    options: argparse.Namespace, versions: dict[str, str], progress: Progress
) -> Iterator[Sample]:
    """Yield the figure of each contestant in each round, and note the versions."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        base = Path(directory)
        base.chmod(0o755)  # if root calls, PostgreSQL runs as nobody
        template, project = snapshot(base / "template"), base / "shop"
        if "copier" in options.only:
            task = progress.add_task("copier copy", total=2 * (options.rounds + 1))
            for sample in rendering.measure(template, options.rounds):
                progress.advance(task)
                yield sample
        size = ["--rounds", str(options.rounds), "--scale", str(options.scale)]
        task = progress.add_task("install the projects and the peers", total=None)
        if only := " ".join(each for each in options.only if each not in {"copier", "tenants"}):
            rendering.render(template, project, observability="opentelemetry")
            equip(project)
            lines = compete(project, *CONTESTANTS, *size, "--only", only)
            yield from read(lines, versions, progress, task)
        if "tenants" in options.only:
            rendering.render(template, base / "tenants" / "shop", **WITH_TENANTS)
            equip(base / "tenants" / "shop", "tenants")
            lines = compete(base / "tenants" / "shop", *OF_TENANTS, *size)
            yield from read(lines, versions, progress, task)


def read(
    lines: Iterator[dict[str, Any]], versions: dict[str, str], progress: Progress, task: TaskID
) -> Iterator[Sample]:
    """Yield the figures in what contestants print, and note the versions."""
    progress.update(task, description="fill the tables", completed=0)
    for line in lines:
        if "measure" in line:
            sample = Sample(**line)
            progress.update(task, advance=1, description=f"{sample.measure}, {sample.contestant}")
            yield sample
        elif "runs" in line:
            progress.update(task, total=line["runs"])
        else:
            versions.update(line["versions"])


if __name__ == "__main__":
    main()
