"""The table of updates: for each release, which lives were kept with which answers, and how often.

A test calls `kept` for each project that it updated. The table is printed after the tests, also by the
CI. There only a sample of the updates runs, and `just proofs` runs all. A test that fails adds nothing.
"""

from collections import Counter
from collections.abc import Iterable

import pytest

from tests.helpers import Record

PREFIX = "update of "


def kept(record: Record, version: str, answers: str, lives: Iterable[str]) -> None:
    """Record that an update from a version kept these lives of a project with these answers."""
    for life in lives:
        record(f"{PREFIX}{version}|{answers}|{life}", 1)


def write_table(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if a test recorded something for it."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith(PREFIX):
                version, answers, life = name.removeprefix(PREFIX).split("|")
                counts[version, answers, life] += int(str(value))
    if counts:
        terminalreporter.section("updates: releases, answers and lives")
        terminalreporter.write_line("\n".join(table(counts)))


def table(counts: Counter[tuple[str, str, str]]) -> Iterable[str]:
    """Yield the lines of the table. A life that no update of this run had has a dot."""
    lives = list(dict.fromkeys(life for _, _, life in counts))
    width = max(map(len, lives))
    for version in sorted({version for version, _, _ in counts}):
        answers = sorted({each for release, each, _ in counts if release == version})
        yield f"from {version}".ljust(width) + "".join(f"  {each}" for each in answers)
        for life in lives:
            row = [(counts[version, each, life] or ".", len(each) + 2) for each in answers]
            yield life.ljust(width) + "".join(str(count).rjust(size) for count, size in row)
    yield f"{counts.total()} in all, and no edit was lost"
