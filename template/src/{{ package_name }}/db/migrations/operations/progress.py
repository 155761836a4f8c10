"""The progress of a long operation, as lines of text for a terminal and for the log of CI."""

from collections.abc import Callable
from time import monotonic

INTERVAL = 5.0
"""Seconds between two lines."""


class Progress:
    """The number of rows that are done, out of an estimated number.

    Args:
        title: the beginning of each line.
        estimate: how many rows there will be, or 0 if that is not known.
        tell: called with each line.
    """

    def __init__(self, title: str, estimate: int, tell: Callable[[str], None]) -> None:
        self._title, self._estimate, self._tell = title, estimate, tell
        self._rows = 0
        self._start = self._told = monotonic()

    def advance(self, rows: int) -> None:
        """Add rows that are done, and tell the progress if the last line is old enough."""
        self._rows += rows
        if (now := monotonic()) - self._told >= INTERVAL:
            self._told = now
            part = min(self._rows / self._estimate, 1) if self._estimate else 0
            share = f", {part:.0%} of about {self._estimate:,}" if self._estimate else ""
            self._tell(f"  {self._title}: {self._rows:,} rows{share}")

    def finish(self) -> None:
        """Tell how many rows there were, and how long it took."""
        seconds = monotonic() - self._start
        self._tell(f"  {self._title}: {self._rows:,} rows in {seconds:.2f} s, done")
