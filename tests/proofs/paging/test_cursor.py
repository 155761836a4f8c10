"""Cursors: every value is read as it was written, and any other text is refused."""

import base64
import datetime
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Double, Numeric, Text, cast, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from shop import db
from shop.db import errors
from tests.proofs.support.books import Author, Book, Color, Sample, walk

UTC = datetime.UTC
WALL = datetime.datetime(2024, 2, 29, 1, tzinfo=UTC).replace(tzinfo=None)
INFINITY = (datetime.datetime.min, datetime.datetime.max)  # noqa: DTZ901  # as asyncpg returns them
VALUES: dict[str, list[Any]] = {
    "moment": [
        INFINITY[0],
        datetime.datetime(1, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
        datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        INFINITY[1],
    ],
    "wall": [INFINITY[0], WALL, INFINITY[1]],
    "day": [datetime.date.min, datetime.date(2024, 2, 29), datetime.date.max],
    "token": [uuid.UUID(int=0), uuid.UUID(int=2**127)],
    "price": [Decimal("-99999999.99"), Decimal("0.10"), Decimal("NaN")],
    "ratio": [-math.inf, -1e-300, 0.1, 1e300, math.inf, math.nan],
    "code": ["", "a\n", "é"],
    "flag": [False, True],
    "color": [Color.BLUE, Color.RED],
    "size": ["big", "small"],
    "raw": [b"", b"\x00\xff"],
    "shouted": ["ABC", "XYZ"],
    "small": [-(2**15), 2**15 - 1],
}
EXPRESSIONS = {
    "a product": (
        Sample.price * Sample.price,
        "price",
        [Decimal("0.01"), Decimal("1.11"), Decimal("1.12")],
    ),
    "a sum": (Sample.small + func.abs(2**15, type_=Sample.id.type), "small", [1, 2, 2**15 - 1]),
    "a number without bounds": (
        cast(Sample.ratio, Numeric),
        "ratio",
        [-math.inf, 1e-30, 0.5, math.inf],
    ),
    "two texts": (Sample.code + Sample.code, "code", ["aaa", "aab"]),
    "a label": (
        func.length(Sample.code, type_=Sample.id.type).label("n"),
        "code",
        ["a", "aa", "aaa"],
    ),
}


@pytest.mark.parametrize(
    ("order", "column", "values"),
    [(getattr(Sample, name), name, values) for name, values in VALUES.items()]
    + list(EXPRESSIONS.values()),
    ids=[*VALUES, *EXPRESSIONS],
)
async def test_values_of_each_type_are_found_again(
    tables: AsyncSession, order: Any, column: str, values: list[Any]
) -> None:
    # Each value occurs twice, so that equal values are tested. NULL is the last one.
    rows = [{"id": n, column: value} for n, value in enumerate([*values, *values, None])]
    await tables.execute(insert(Sample), rows)

    pages = [page async for page in walk(tables, select(Sample), order, limit=1)]
    back = walk(tables, select(Sample), order, limit=1, start=pages[-1], back=True)

    found = [page.items[0].id for page in pages]
    half = len(values)
    assert found == [n for place in range(half) for n in (place, place + half)] + [2 * half]
    assert [page.items[0].id async for page in back] == found[-2::-1]


async def test_a_cursor_can_have_the_smallest_and_the_largest_value_of_a_type(
    tables: AsyncSession,
) -> None:
    ends = [-(2**63), 0, 2**63 - 1]
    await tables.execute(insert(Sample), [{"id": end} for end in ends])

    pages = [page async for page in walk(tables, select(Sample), Sample.id, limit=1)]

    assert [page.items[0].id for page in pages] == ends


async def first_cursor(session: AsyncSession, *order: Any) -> list[Any]:
    """Return the content of a cursor."""
    await session.execute(
        insert(Sample),
        [
            {
                "small": 1,
                "code": "a",
                "price": 1,
                "size": "big",
                "flag": True,
                "ratio": 1.5,
                "moment": datetime.datetime(2024, 1, 1, tzinfo=UTC),
                "wall": WALL,
            }
        ]
        * 2,
    )
    page = await db.paginate(session, select(Sample), order_by=order, limit=1)
    assert page.next is not None
    content = json.loads(base64.urlsafe_b64decode(page.next + "=="))
    assert isinstance(content, list)
    return content


def packed(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


FORGED: list[tuple[InstrumentedAttribute[Any], object]] = [
    (Sample.id, None),
    (Sample.id, 2**63),
    (Sample.id, -(2**63) - 1),
    (Sample.id, 10**4000),
    (Sample.id, "1"),
    (Sample.id, 1.0),
    (Sample.id, True),
    (Sample.id, [1]),
    (Sample.code, "\0"),
    (Sample.code, "\ud800"),
    (Sample.code, 1),
    (Sample.price, "sNaN"),
    (Sample.price, "1E+200000"),
    (Sample.price, "1E-200000"),
    (Sample.price, "1E-16384"),
    (Sample.price, "1; DROP TABLE samples"),
    (Sample.ratio, "1.5"),
    (Sample.flag, 1),
    (Sample.size, "huge"),
    (Sample.moment, "2024-01-01T00:00:00"),
    (Sample.moment, "0001-01-01T00:00:00+14:00"),
    (Sample.moment, "9999-12-31T23:59:59-14:00"),
    (Sample.moment, "10000-01-01T00:00:00Z"),
    (Sample.moment, 1704067200),
    (Sample.wall, "2024-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("column", "value"), FORGED)
async def test_a_forged_value_is_refused_before_it_reaches_the_server(
    tables: AsyncSession, column: InstrumentedAttribute[Any], value: object
) -> None:
    content = await first_cursor(tables, column)
    content[2][0] = value

    with pytest.raises(errors.InvalidCursor) as caught:
        await db.paginate(
            tables, select(Sample), order_by=[column], limit=1, cursor=packed(content)
        )

    assert caught.value.__cause__ is None
    assert await tables.scalar(select(1)) == 1  # the transaction can continue


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "A",
        "????",
        "é",
        "\0",
        "\ud800",
        "A" * 1_000_001,
        packed(None),
        packed([]),
        packed({}),
        packed("1"),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
    ],
    ids=range(13),
)
async def test_a_text_that_is_not_a_cursor_is_refused(tables: AsyncSession, cursor: str) -> None:
    with pytest.raises(errors.InvalidCursor, match="start again at the first page"):
        await db.paginate(tables, select(Book), order_by=[], limit=1, cursor=cursor)


async def test_a_cursor_with_more_characters_is_refused(tables: AsyncSession) -> None:
    cursor = packed(await first_cursor(tables, Sample.small))

    with pytest.raises(errors.InvalidCursor):
        await db.paginate(
            tables, select(Sample), order_by=[Sample.small], limit=1, cursor=f"!!!!{cursor}"
        )


@pytest.mark.parametrize(
    "other",
    [
        [Sample.small.desc()],
        [Sample.small.nulls_first()],
        [Sample.id, Sample.small],
        [Sample.small, Sample.id.desc()],
        [func.coalesce(Sample.small, 1)],
        [],
    ],
    ids=["descending", "nulls first", "the key first", "the key descending", "a value", "nothing"],
)
async def test_a_cursor_of_another_order_is_refused(tables: AsyncSession, other: list[Any]) -> None:
    cursor = packed(await first_cursor(tables, Sample.small))

    with pytest.raises(errors.InvalidCursor):
        await db.paginate(tables, select(Sample), order_by=other, limit=1, cursor=cursor)


async def test_orders_that_differ_only_in_a_value_are_different_orders(
    tables: AsyncSession,
) -> None:
    cursor = packed(await first_cursor(tables, func.coalesce(Sample.small, 1)))

    same, other = func.coalesce(Sample.small, 1), func.coalesce(Sample.small, 2)
    await db.paginate(tables, select(Sample), order_by=[same], limit=1, cursor=cursor)
    with pytest.raises(errors.InvalidCursor):
        await db.paginate(tables, select(Sample), order_by=[other], limit=1, cursor=cursor)


async def test_a_row_that_a_join_repeats_is_one_item_even_if_its_place_is_nan(
    tables: AsyncSession,
) -> None:
    await tables.execute(insert(Author), [{"id": n, "name": "Ada"} for n in (1, 2)])
    await tables.execute(insert(Book), [{"author_id": n} for n in (1, 1, 2, 2)])
    joined, nan = select(Author).join(Author.books), cast(literal("NaN", Text), Double)

    page = await db.paginate(tables, joined, order_by=[nan], limit=9)

    assert [author.id for author in page.items] == [1, 2]


async def test_a_cursor_needs_no_quoting_in_a_url(tables: AsyncSession) -> None:
    rows = [{"code": "".join(map(chr, range(n, n + 3)))} for n in range(200, 300)]
    await tables.execute(insert(Sample), rows)

    async for page in walk(tables, select(Sample), Sample.code, limit=1):
        for cursor in (page.next or "a", page.previous or "a"):
            assert cursor.replace("-", "a").replace("_", "a").isalnum()


async def test_a_cursor_may_have_an_aggregate_of_a_grouped_statement(tables: AsyncSession) -> None:
    await tables.execute(insert(Author), [{"id": n, "name": "a"} for n in (1, 2, 3)])
    books = [
        {"id": n, "title": "", "author_id": 1 + n % 3} for n in range(1, 6)
    ]  # 1, 2 and 2 books
    await tables.execute(insert(Book), books)
    statement = select(Author).join(Book).group_by(Author.id)

    pages = [page async for page in walk(tables, statement, func.count(Book.id), limit=1)]

    assert [author.id for page in pages for author in page.items] == [1, 2, 3]
