"""The part of a long proof that runs: a twentieth, or everything with PROOFS=full in the
environment.

The seed of pytest-randomly decides on the sample. A run prints it at its beginning, and the option
`--randomly-seed` repeats it.

A proof with the marker `sampled(number)` runs only this number of its parameters, if it is not named with one of
them on the command line.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TypeVar

import pytest

FULL = os.environ.get("PROOFS") == "full"
PART = 1 if FULL else 20

T = TypeVar("T")


def sampled(cases: Sequence[T]) -> Sequence[T]:
    """Return all cases, or a twentieth of them, at least one."""
    return cases if FULL else random.sample(cases, -(-len(cases) // PART))


def numbers(fewest: int) -> Iterator[int]:
    """Yield 1, 2, 3 … without end, or each twentieth number. The first is at most `fewest`."""
    return count(1 if FULL else random.randint(1, fewest), PART)  # noqa: S311  # no secret


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker. `conftest.py` imports this hook and the next one for pytest."""
    config.addinivalue_line("markers", "sampled(number): run only this number of its parameters")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a sample of each proof with the marker. All workers of pytest-xdist draw the same one."""
    cases = defaultdict(list)
    for item in sorted(items, key=lambda item: item.nodeid):
        marker = item.get_closest_marker("sampled")
        if marker and not FULL and item.nodeid not in config.args:
            cases[item.nodeid.partition("[")[0], *marker.args].append(item)
    dice = random.Random(config.getoption("randomly_seed", 0))  # noqa: S311  # no secret
    dropped = [
        item
        for (_, number), each in cases.items()
        for item in dice.sample(each, max(0, len(each) - number))
    ]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]
