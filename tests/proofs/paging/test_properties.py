"""Pages compared with a sorted list, for many rows, orders and changes between pages."""

from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Text, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shop import db
from tests.proofs.support.books import Card, walk

EXPRESSIONS: dict[str, ColumnElement[Any]] = {
    "drawer": Card.drawer.expression,
    "number": Card.number.expression,
    "rank": Card.rank.expression,
    "score": Card.score.expression,
    "name": Card.name.expression,
    "lower": func.lower(Card.name, type_=Text),
    "sum": Card.rank + Card.score,
}


KEY = tuple_(Card.drawer, Card.number)

# A row that was deleted and inserted again is another row, although the session knows its key.
CARDS = select(Card).execution_options(populate_existing=True)


@dataclass(frozen=True)
class Row:
    drawer: int
    number: int
    rank: int
    score: int | None
    name: str | None

    def key(self) -> tuple[int, int]:
        return self.drawer, self.number

    @property
    def lower(self) -> str | None:
        return self.name and self.name.lower()

    @property
    def sum(self) -> int | None:
        return None if self.score is None else self.rank + self.score


@dataclass(frozen=True)
class Term:
    name: str
    descending: bool
    nulls_first: bool | None

    def expression(self) -> ColumnElement[Any]:
        column = EXPRESSIONS[self.name]
        column = column.desc() if self.descending else column
        match self.nulls_first:
            case True:
                return column.nulls_first()
            case False:
                return column.nulls_last()
        return column


def ordered(rows: Sequence[Row], terms: Sequence[Term]) -> list[Row]:
    """Sort as PostgreSQL's documentation says, by one stable sort for each term."""
    down = bool(terms) and terms[-1].descending
    key = [Term("drawer", down, None), Term("number", down, None)]
    result = list(rows)
    for term in reversed([*terms, *key]):
        first = term.descending if term.nulls_first is None else term.nulls_first
        nulls = [row for row in result if getattr(row, term.name) is None]
        others = [row for row in result if getattr(row, term.name) is not None]
        others.sort(key=lambda row: getattr(row, term.name), reverse=term.descending)
        result = [*nulls, *others] if first else [*others, *nulls]
    return result


small = st.integers(0, 2)
rows = st.builds(
    Row,
    drawer=small,
    number=st.integers(0, 9),
    rank=small,
    score=st.none() | small,
    name=st.none() | st.sampled_from(["", "a", "A", "b\n", "é"]),
)
several_rows = st.lists(rows, max_size=16, unique_by=lambda row: (row.drawer, row.number))
orders = st.lists(
    st.builds(Term, st.sampled_from(sorted(EXPRESSIONS)), st.booleans(), st.none() | st.booleans()),
    max_size=3,
)
limits = st.integers(1, 5)
# Changes between two pages: new rows, and the places of deleted rows.
changes = st.lists(st.tuples(st.lists(rows, max_size=4), st.sets(st.integers(0, 9))), max_size=8)

# All examples share one transaction, and each has its own savepoint.
examples = settings(
    max_examples=40,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@examples
@given(several_rows, orders, limits)
async def test_all_pages_forward_and_back_are_the_sorted_list(
    tables: AsyncSession, rows: list[Row], terms: list[Term], limit: int
) -> None:
    order = [term.expression() for term in terms]
    async with tables.begin_nested() as savepoint:
        await change(tables, set(), rows, set())
        forward = [page async for page in walk(tables, CARDS, *order, limit=limit)]
        returning = walk(tables, CARDS, *order, limit=limit, start=forward[-1], back=True)
        back = [forward[-1], *[page async for page in returning]]
        there = [contents(page) for page in forward]
        back_again = [contents(page) for page in reversed(back)]
        await savepoint.rollback()

    assert list(chain.from_iterable(there)) == ordered(rows, terms)
    assert back_again == there
    assert all(len(page) == limit for page in there[:-1])
    assert forward[0].previous is back[-1].previous is None


@examples
@given(several_rows, orders, limits)
async def test_a_page_begins_or_ends_at_each_item_and_at_both_ends(
    tables: AsyncSession, rows: list[Row], terms: list[Term], limit: int
) -> None:
    order = [term.expression() for term in terms]
    expected = ordered(rows, terms)

    async def read(cursor: str | None, size: int, *, backward: bool = False) -> db.Page[Card]:
        return await db.paginate(
            tables,
            CARDS,
            order_by=order,
            limit=size,
            cursor=cursor,
            backward=backward,
            item_cursors=True,
        )

    async with tables.begin_nested() as savepoint:
        await change(tables, set(), rows, set())
        whole, last = await read(None, 99), await read(None, limit, backward=True)
        assert contents(whole) == expected
        assert contents(last) == expected[-limit:]
        assert (last.next is None, last.previous is None) == (True, len(rows) <= limit)
        if last.previous:
            assert contents(await read(last.previous, 99)) == expected[:-limit]
        for place, cursor in enumerate(whole.item_cursors):
            after = await read(cursor, limit)
            before = await read(cursor, limit, backward=True)
            assert contents(after) == expected[place + 1 :][:limit]
            assert contents(before) == expected[:place][-limit:]
            assert (after.next is None) == (place + 1 + limit >= len(rows))
            assert (before.previous is None) == (place <= limit)
            for page in (after, before):
                assert page.item_cursors == tuple(
                    whole.item_cursors[expected.index(row)] for row in contents(page)
                )
        await savepoint.rollback()


@examples
@given(several_rows, orders, limits, changes, st.booleans())
async def test_a_row_that_stays_occurs_once_and_in_order_while_others_change(
    tables: AsyncSession,
    rows: list[Row],
    terms: list[Term],
    limit: int,
    changes: list[tuple[list[Row], set[int]]],
    back: bool,
) -> None:
    order = [term.expression() for term in terms]
    async with tables.begin_nested() as savepoint:
        present = await change(tables, set(), rows, set())
        start, met = None, []
        if back:
            *_, start = [page async for page in walk(tables, CARDS, *order, limit=limit)]
            met = contents(start)
        stayed = present
        pages = walk(tables, CARDS, *order, limit=limit, start=start, back=back)
        async for page in pages:
            met = contents(page) + met if back else met + contents(page)
            if changes:
                present = await change(tables, present, *changes.pop())
                stayed = stayed & present
        await savepoint.rollback()

    assert met == ordered(met, terms)
    assert len(set(met)) == len(met)
    assert stayed <= set(met)


async def change(
    session: AsyncSession, present: set[Row], added: Sequence[Row], doomed: Set[int]
) -> set[Row]:
    """Delete the rows at these places, insert others, and return all rows."""
    gone = {row for place, row in enumerate(sorted(present, key=Row.key)) if place in doomed}
    await session.execute(delete(Card).where(KEY.in_([row.key() for row in gone])))
    taken = {row.key() for row in present - gone}
    new = {row.key(): row for row in added if row.key() not in taken}
    if new:
        await session.execute(insert(Card), [asdict(row) for row in new.values()])
    return present - gone | set(new.values())


def contents(page: db.Page[Card]) -> list[Row]:
    return [Row(card.drawer, card.number, card.rank, card.score, card.name) for card in page.items]
