"""A migration waits for the transaction of a reader. Writers wait no longer than its lock timeout."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
from asyncpg import LockNotAvailableError
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from tests.proofs.support.history import LOCK_TIMEOUT, History, Shed
from tests.proofs.support.kinds import KINDS, ROWS, models
from tests.proofs.support.sampling import sampled
from tests.proofs.support.traffic import Traffic

# SQLAlchemy warns about a type that it does not know. The revision has its name in SQL.
pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type")

Record = Callable[[str, object], None]

PATIENCE = 5000  # in ms, because the machine does other things too; the reader goes on for 10 s


class Wait(NamedTuple):
    """What happened to the others while a revision was applied or taken back.

    Attributes:
        tries: how often it was run. The reader ends after the first try.
        longest: the longest time of a write, in milliseconds.
    """

    tries: int
    longest: float


@pytest.mark.parametrize("place", ["old table", "change"])
async def test_a_writer_waits_no_longer_than_the_lock_timeout_of_a_migration_behind_a_reader(
    shed: Shed, fresh_database_url: URL, record_property: Record, place: str
) -> None:
    waits: dict[str, list[Wait]] = {}
    for name in sampled(list(KINDS)):
        work = partial(measure, url=fresh_database_url, name=name, place=place)
        waits[name] = await shed(work)

    print(f"{place}: tries and the longest wait of a writer, when applied and when taken back")
    for name, steps in waits.items():
        print(
            name,
            *[f"{tries} {longest:.0f} ms" for tries, longest in steps] or ["refused"],
            sep=", ",
        )
    longest = max((wait.longest for steps in waits.values() for wait in steps), default=0)
    record_property(f"{place}: longest wait of a writer behind a reader", f"{longest:.0f} ms")
    assert longest < LOCK_TIMEOUT + PATIENCE


def measure(history: History, url: URL, name: str, place: str) -> list[Wait]:
    """Apply the revision of a change, and take it back, while others read and write.

    Returns:
        a wait for each of the two, or nothing if the change is refused.
    """
    kind, options = KINDS[name]
    before = models(*kind(1), **options) if place == "change" else models(**options)
    after = models(*kind(2 if place == "change" else 1), **options)
    schema = options.get("schema", "public")
    history.revise(before)
    history.upgrade(before)
    history.execute(ROWS.format(schema))
    start = history.head
    if history.revise_as_told(lambda: after) != "written":
        return []
    waits = []
    for step in (partial(history.upgrade, after), partial(history.downgrade, after, start)):
        with Traffic(url, f"{schema}.things") as traffic:
            tries = 1
            try:
                step()
            except DBAPIError as error:
                if not isinstance(error.driver_exception, LockNotAvailableError):
                    raise
                traffic.end_reader()
                tries = 2
                step()
        waits.append(Wait(tries, traffic.longest))
    return waits
