"""The aims of the data layer."""

from dataclasses import dataclass

from .figures import Figures, Series

Who = tuple[str, str]
"""A measure and a contestant."""


@dataclass(frozen=True)
class Aim:
    """A ratio of two figures, or a number of mebibytes, and its limit."""

    text: str
    of: Who
    against: Who | None
    limit: float
    at_least: bool = False

    def figure(self, figures: Figures) -> float | None:
        """The figure, or None if this run did not measure it."""
        of, against = _find(figures, self.of), self.against and _find(figures, self.against)
        if of is None or (self.against and against is None):
            return None
        return of.ratio(against) if against else of.memory

    def reached(self, figure: float) -> bool:
        """Whether the figure is within the limit."""
        return figure >= self.limit if self.at_least else figure <= self.limit


AIMS = [
    Aim(
        "get: ours ≤ 1.05 × session.get",
        of=("get", "ours"),
        against=("get", "session.get"),
        limit=1.05,
    ),
    Aim(
        "tasks: ours ≤ 1.05 × plain sessions",
        of=("tasks", "ours"),
        against=("tasks", "async_sessionmaker"),
        limit=1.05,
    ),
    *(
        Aim(
            f"{page}: ours ≤ 1.3 × the ORM's keyset page, written by hand",
            of=(page, "ours"),
            against=(page, "ORM, keyset"),
            limit=1.3,
        )
        for page in ("page at 0 %", "page at 50 %", "page at 99 %", "page of a mixed order")
    ),
    Aim(
        "page: at 99 % ≤ 1.3 × the first",
        of=("page at 99 %", "ours"),
        against=("page at 0 %", "ours"),
        limit=1.3,
    ),
    Aim(
        "insert: insert_rows ≤ 1.4 × raw COPY",
        of=("insert 50,000", "ours, insert_rows"),
        against=("insert 50,000", "raw asyncpg, COPY"),
        limit=1.4,
    ),
    Aim(
        "insert: advanced-alchemy's add_many ≥ 7 × insert_rows",
        of=("insert 50,000", "advanced-alchemy, add_many"),
        against=("insert 50,000", "ours, insert_rows"),
        limit=7,
        at_least=True,
    ),
    Aim(
        "upsert: upsert_rows ≤ 1.3 × raw",
        of=("upsert 50,000", "ours, upsert_rows"),
        against=("upsert 50,000", "raw asyncpg, COPY and ON CONFLICT"),
        limit=1.3,
    ),
    Aim(
        "upsert: advanced-alchemy's upsert_many ≥ 15 × ours",
        of=("upsert 50,000", "advanced-alchemy, upsert_many"),
        against=("upsert 50,000", "ours, upsert_rows"),
        limit=15,
        at_least=True,
    ),
    Aim(
        "stream: ours ≤ 4 × a raw cursor",
        of=("stream 500,000", "ours, stream"),
        against=("stream 500,000", "raw asyncpg, cursor"),
        limit=4,
    ),
    Aim(
        "stream: ours grows by ≤ 10 MiB",
        of=("stream 500,000", "ours, stream"),
        against=None,
        limit=10,
    ),
    *(
        Aim(
            f"{request}: ours ≤ 1.05 × the service {by_hand}",
            of=(request, "ours"),
            against=(request, by_hand),
            limit=1.05,
        )
        for request in ("http read", "http list", "http create")
        for by_hand in ("by hand", "by hand, with a log")
    ),
]


def _find(figures: Figures, who: Who) -> Series | None:
    measure, contestant = who
    if measure not in figures:
        return None
    [series] = [series for series in figures[measure] if series.contestant == contestant]
    return series
