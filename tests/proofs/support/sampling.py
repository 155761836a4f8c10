"""How much of a long proof runs: all with PROOFS=full in the environment, else a twentieth.

The seed of pytest-randomly decides what is drawn. It is printed at the beginning of a run, and the
option `--randomly-seed` repeats it.
"""

import os
import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TypeVar

FULL = os.environ.get("PROOFS") == "full"
PART = 1 if FULL else 20

T = TypeVar("T")


def sampled(cases: Sequence[T]) -> Sequence[T]:
    """Return all cases, or a twentieth of them, at least one."""
    return cases if FULL else random.sample(cases, -(-len(cases) // PART))


def numbers(fewest: int) -> Iterator[int]:
    """Yield 1, 2, 3 … without end, or each twentieth number; the first is at most `fewest`."""
    return count(1 if FULL else random.randint(1, fewest), PART)
