"""The part of a long proof that runs: a twentieth, or everything with PROOFS=full in the
environment.

The seed of pytest-randomly decides on the sample. A run prints it at its beginning, and the option
`--randomly-seed` repeats it.
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
    """Yield 1, 2, 3 … without end, or each twentieth number. The first is at most `fewest`."""
    return count(1 if FULL else random.randint(1, fewest), PART)  # noqa: S311  # no secret
