"""A value that does not fit is told without the value, by each method that takes one."""

import datetime
import logging
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.ranges import MultiRange, Range

from shop.db import Database, errors
from tests.proofs.support.things import SECRET, Call, Thing, Things, Work, judge

COMPARISONS = {"all", "delete_where"}

# Values that a column cannot hold.
BAD: dict[str, object] = {
    "code": SECRET,
    "count": SECRET,
    "token": SECRET,
    "color": SECRET,
    "moment": SECRET,
    "data": {SECRET: {1, 2}},
    "name": b"s3" + b"cr3t",
}


def calling(method: str, *arguments: Any, **options: Any) -> Call:
    def call(things: Things, thing: Thing) -> Awaitable[object]:
        called: Awaitable[object] = getattr(things, method)(*arguments, **options)
        return called

    return call


def writes_of(column: str, value: Any) -> Iterator[tuple[str, Call]]:
    row = {"name": "c", column: value}
    keyed = {"id": 1, column: value}
    yield "add", lambda things, thing: things.add(Thing(**row))
    yield "add_many", lambda things, thing: things.add_many([Thing(**row), Thing(name="d")])
    for count in (1, 1500):
        yield "insert_rows", calling("insert_rows", [row] * count)
        yield "upsert_rows", calling("upsert_rows", [row] * count, conflict_target=[Thing.name])
        yield "update_rows", calling("update_rows", [keyed] * count)
    yield "update", lambda things, thing: things.update(thing, **{column: value})
    if column == "since":
        return  # SQLAlchemy deprecates comparisons of a domain
    yield "all", calling("all", getattr(Thing, column) == value)
    yield "delete_where", calling("delete_where", getattr(Thing, column) == value)


@pytest.mark.parametrize("column", BAD)
async def test_a_value_that_does_not_fit_is_told_without_the_value(
    things_database: Database[Work], column: str, caplog: pytest.LogCaptureFixture
) -> None:
    cases = 0
    for name, call in writes_of(column, BAD[column]):
        if name in COMPARISONS and column in {"code", "color"}:
            continue  # a comparison with another text is no error
        with suppress(errors.Error):
            async with things_database.unit_of_work() as work:
                thing = await work.things.get_one(1)
                with pytest.raises(Exception) as raised:  # noqa: PT011  # judged below
                    await call(work.things, thing)
                logging.getLogger("a program").error("it failed", exc_info=raised.value)
                judge(raised.value, errors.DatabaseError)
                cases += 1
                raise errors.Error("roll back")
    print(f"{column}: {cases} cases")
    assert cases >= 7
    assert SECRET not in caplog.text


NAIVE = datetime.datetime(2026, 1, 1, 12)  # noqa: DTZ001  # it is refused


async def refuses_for_the_zone(database: Database[Work], call: Call) -> None:
    """Assert that a call tells the missing zone, in a session that is then rolled back."""
    async with database.sessions() as session:
        things = Things(session)
        thing = await things.get_one(1)
        with pytest.raises(errors.DataException, match="no time zone") as raised:
            await call(things, thing)
        judge(raised.value, errors.DataException)


@pytest.mark.parametrize("column", ["moment", "since"])
@pytest.mark.parametrize("value", [NAIVE, NAIVE.date()])
async def test_a_time_without_its_zone_is_refused_wherever_it_is_written(
    things_database: Database[Work], column: str, value: object
) -> None:
    for name, call in writes_of(column, value):
        if name in COMPARISONS and not isinstance(value, datetime.datetime):
            continue  # a date is compared as a date
        await refuses_for_the_zone(things_database, call)


async def test_a_time_with_its_zone_is_written_into_a_domain(
    things_database: Database[Work],
) -> None:
    async with things_database.unit_of_work() as work:
        for copies in (1, 1500):
            rows = [{"name": f"{n}", "count": 7, "since": FIRST} for n in range(copies)]
            assert await work.things.insert_rows(rows) == copies
            assert await work.things.upsert_rows(rows, conflict_target=["name"]) == copies
            assert await work.things.delete_where(Thing.count == 7) == copies


UTC = datetime.UTC
FIRST = datetime.datetime(2026, 1, 1, tzinfo=UTC)
BEGINNING, END = datetime.datetime.min, datetime.datetime.max  # noqa: DTZ901  # the driver's infinities


def ranges(bound: Any) -> list[Any]:
    """Return ranges with this bound, in each form that the driver takes."""
    return [
        Range(bound, None),
        Range(FIRST, bound),
        Range(None, bound),
        (bound, None),
        [FIRST, bound],
    ]


NAIVE_RANGES: list[tuple[str, Any]] = [
    *(("period", each) for each in [*ranges(NAIVE), Range(NAIVE.date(), None)]),
    *(("periods", [Range(FIRST, FIRST), each]) for each in ranges(NAIVE)),
    ("periods", MultiRange([Range(NAIVE, None)])),
    *(("breaks", [None, each]) for each in ranges(NAIVE)[:3]),
]


def writes_of_a_range(column: str, value: Any) -> Iterator[tuple[str, Call]]:
    attribute = getattr(Thing, column)
    yield from writes_of(column, value)
    yield "update_where", calling("update_where", Thing.id == 1, **{column: value})
    yield "update_by_keys", calling("update_by_keys", [1], **{column: value})
    yield "count", calling("count", attribute.in_([value, None]))


@pytest.mark.parametrize(("column", "value"), NAIVE_RANGES)
async def test_a_bound_without_its_zone_is_refused_wherever_it_is_written(
    things_database: Database[Work], column: str, value: Any
) -> None:
    for _, call in writes_of_a_range(column, value):
        await refuses_for_the_zone(things_database, call)


async def test_a_naive_bound_of_another_expression_is_no_local_time(
    things_database: Database[Work],
) -> None:
    async with things_database.unit_of_work() as work:
        with pytest.raises(errors.DatabaseError):  # timestamp has no such operator
            await work.things.count(Thing.period.overlaps(Range(NAIVE, None)))


RANGES = [
    *(Range(FIRST, None), Range(None, FIRST), Range(BEGINNING, END), Range(None, None)),
    *(Range(empty=True), None),
]


async def test_ranges_with_zones_infinities_and_open_bounds_are_written(
    things_database: Database[Work],
) -> None:
    async with things_database.unit_of_work() as work:
        values = {"periods": [Range(None, FIRST)], "breaks": RANGES}
        for copies in (1, 200):
            rows = [{"name": f"{n}", "period": p, **values} for n, p in enumerate(RANGES * copies)]
            assert await work.things.insert_rows(rows) == len(rows)
            assert await work.things.upsert_rows(rows, conflict_target=["name"]) == len(rows)
            given = [Thing.periods == values["periods"], Thing.breaks == values["breaks"]]
            for period in RANGES:
                same = Thing.period.is_not_distinct_from(period)
                assert await work.things.count(same, *given) == copies
                assert await work.things.update_where(same, *given, period=period) == copies
            assert await work.things.delete_where(*given) == len(rows)


async def stream(things: Things) -> None:
    async with things.stream() as partitions:
        async for _ in partitions:
            pass


READERS: dict[str, Call] = {
    "get": lambda things, thing: things.get(1),
    "all": lambda things, thing: things.all(),
    "paginate": lambda things, thing: things.paginate(order_by=[Thing.moment], limit=1),
    "stream": lambda things, thing: stream(things),
}


@pytest.mark.parametrize("moment", ["10000-01-01", "0044-03-15 BC"])
async def test_a_row_that_python_cannot_hold_is_told(
    things_database: Database[Work], moment: str
) -> None:
    async with things_database.unit_of_work() as work:
        await work.session.execute(
            text("UPDATE fe_things SET moment = CAST(:moment AS text)::timestamptz"),
            {"moment": moment},
        )
    for name in READERS:
        with suppress(errors.Error):
            async with things_database.unit_of_work() as work:
                with pytest.raises(errors.DataException) as raised:
                    await READERS[name](work.things, Thing())
                judge(raised.value, errors.DataException)
                raise errors.Error(name)
