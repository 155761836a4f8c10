"""The figures as a table for a terminal, as Markdown, and as JSON."""

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from .aims import AIMS
from .figures import Figures, Series

RATIOS = ["work", "contestant", "ratio", "median", "spread", "memory"]
AIM = ["aim", "figure", "reached"]


@dataclass(frozen=True)
class Report:
    """The result of a run."""

    figures: Figures
    versions: dict[str, str]
    rounds: int
    scale: float
    load: float

    @property
    def heading(self) -> str:
        """The versions, the machine and the arguments of the run, in one line."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"rounds: {self.rounds}, scale: {self.scale:g}, cores: {os.cpu_count()},"
            f" load at the start: {self.load:.1f}; {versions}"
        )

    def print(self, console: Console) -> None:
        """Print both tables to a terminal."""
        console.print(_table(RATIOS, self._ratios(), "rrrr"))
        console.print(_table(AIM, self._aims(), "rl"))
        console.print(self.heading)

    def markdown(self) -> str:
        """Return both tables and the heading as Markdown."""
        lines = [
            f"{self.heading}.",
            "",
            *_markdown(RATIOS, self._ratios(), "llrrrr"),
            "",
            *_markdown(AIM, self._aims(), "lrl"),
        ]
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """Return everything as JSON, with the single figures."""
        return {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "rounds": self.rounds,
            "scale": self.scale,
            "load": self.load,
            "versions": self.versions,
            "measures": {
                measure: {
                    series.contestant: {
                        "median": series.median(),
                        "ratio": series.ratio(contestants[0]),
                        "spread": series.spread,
                        "seconds": series.values(),
                        "mebibytes": series.memory,
                    }
                    for series in contestants
                }
                for measure, contestants in self.figures.items()
            },
            "aims": {
                aim.text: {"figure": figure, "reached": aim.reached(figure)}
                for aim in AIMS
                if (figure := aim.figure(self.figures)) is not None
            },
        }

    def _ratios(self) -> list[list[str]]:
        return [
            [
                measure if series is contestants[0] else "",
                series.contestant,
                f"{series.ratio(contestants[0]):.2f}",
                _seconds(series.median()),
                f"{series.spread:.0%}",
                _mebibytes(series),
            ]
            for measure, contestants in self.figures.items()
            for series in contestants
        ]

    def _aims(self) -> list[list[str]]:
        return [
            [
                aim.text,
                f"{figure:.2f}" if aim.against else f"{figure:.1f} MiB",
                "yes" if aim.reached(figure) else "no",
            ]
            for aim in AIMS
            if (figure := aim.figure(self.figures)) is not None
        ]


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def _mebibytes(series: Series) -> str:
    return "" if series.memory is None else f"{series.memory:.1f} MiB"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: str) -> Table:
    table = Table()
    left = len(head) - len(right)
    for position, name in enumerate(head):
        is_right = position >= left and right[position - left] == "r"
        table.add_column(name, justify="right" if is_right else "left")
    for number, row in enumerate(rows):
        if number and row[0] and len(head) == len(RATIOS):
            table.add_section()
        table.add_row(*row)
    return table


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    rule = ["---:" if side == "r" else "---" for side in sides]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
