"""Run the benchmarks: `python -m benchmarks`, or `just bench`. See `--help`."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.helpers import snapshot

from . import rendering
from .figures import Sample, collect
from .project import BenchmarkError, compete, equip
from .report import Report

MEASURES = ["copier", "get", "session", "page", "insert", "upsert", "stream", "tasks", "http"]


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
        if options.only == ["copier"]:
            return
        task = progress.add_task("install the project and its peers", total=None)
        rendering.render(template, project, observability="opentelemetry")
        equip(project)
        progress.update(task, description="fill the tables")
        rounds, scale = str(options.rounds), str(options.scale)
        only = " ".join(options.only)
        for line in compete(project, "--rounds", rounds, "--scale", scale, "--only", only):
            if "measure" in line:
                sample = Sample(**line)
                progress.update(
                    task, advance=1, description=f"{sample.measure}, {sample.contestant}"
                )
                yield sample
            elif "runs" in line:
                progress.update(task, total=line["runs"])
            else:
                versions.update(line["versions"])


if __name__ == "__main__":
    main()
