"""The figures of a run, and their medians, spreads and ratios."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True)
class Sample:
    """The figure of one contestant in one round: seconds, or mebibytes."""

    round: int
    measure: str
    contestant: str
    place: int
    figures: dict[str, float]


@dataclass
class Series:
    """The figures of one contestant, by round."""

    contestant: str
    figures: dict[int, dict[str, float]] = field(default_factory=dict)

    def values(self, kind: str = "s") -> list[float]:
        """The figures of one unit, by round."""
        return [figures[kind] for figures in self.figures.values()]

    def median(self, kind: str = "s") -> float:
        """The median of the rounds."""
        return median(self.values(kind))

    @property
    def spread(self) -> float:
        """The width of the middle half of the rounds, relative to the median; 0 for one round."""
        values = self.values()
        if len(values) < 2:
            return 0.0
        low, _, high = quantiles(values, n=4, method="inclusive")
        return (high - low) / self.median()

    def ratio(self, other: "Series") -> float:
        """The median of the ratios to another contestant in the same round."""
        return median(a / b for a, b in zip(self.values(), other.values(), strict=True))

    @property
    def memory(self) -> float | None:
        """By how many mebibytes its process grew, or None if it had no separate process."""
        return self.median("MiB") if "MiB" in next(iter(self.figures.values())) else None


Figures = dict[str, list[Series]]
"""The contestants of each measure. The others are compared with the first one."""


def collect(samples: Iterable[Sample]) -> Figures:
    """Sort samples by measure and contestant. Round 0 warms up, and does not count."""
    places: dict[tuple[str, int], Series] = {}
    for sample in samples:
        if sample.round:
            series = places.setdefault((sample.measure, sample.place), Series(sample.contestant))
            series.figures[sample.round] = sample.figures
    figures: Figures = {}
    for measure, _ in places:
        ordered = [series for (name, _), series in sorted(places.items()) if name == measure]
        figures[measure] = ordered
    return figures
