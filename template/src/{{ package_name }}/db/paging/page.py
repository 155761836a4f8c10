"""Keyset pages of a list: a page begins at a place in the order, and not at a row number.

::

    page = await posts.paginate(
        Post.published.is_(True), order_by=[Post.created_at.desc()], limit=50, cursor=cursor
    )
    page.items, page.next, page.previous

With the right index the last page is as fast as the first. Rows that are inserted or deleted between
two pages neither repeat other rows nor hide them. A row whose place in the order changes may be met
twice, or not at all.

Any order works: columns and SQL expressions, `desc()`, `nulls_first()`, `nulls_last()`. The missing
columns of the primary key are appended in the direction of the last column, so that no two rows
have the same place.

The index has first the columns that the criteria compare by `=`, then the order with its key.

* Columns that are NOT NULL, in one direction: `Index(None, "created_at", "id")`, read either way. One
  comparison of rows finds the place.
* Mixed directions, or NULLs that are not where PostgreSQL puts them by default: the index has the same
  directions, or all of them reversed: `Index(None, rating.desc().nulls_last(), created_at, id)`.
* If a column may be NULL, or directions are mixed, the page may begin at several places. Each is
  read up to the limit. One condition with OR would read the list from its beginning.

A row that a join repeats is one item, so a page can have fewer items than its limit. If the order has
a column of the joined table, a row is an item for each of its places.

Limits: there is no total and no jump to page 70. Two pages are two statements: they see the same
snapshot only in REPEATABLE READ. An order by JSON, arrays, ranges, intervals or network addresses is
refused: make a scalar by `cast()`. The driver reads a date of infinity as the last date of Python, and
that date as infinity.
"""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.interfaces import ORMOption

from .cursor import CursorFormat, Place
from .order import Term, complete_order

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows in their order, and the cursors of the pages beside them.

    `next` is None if this is the last page. `previous` is None if no cursor was given, or if a page
    back reached the first row. Otherwise it is a cursor, though its rows may be gone by then.
    """

    items: Sequence[M]
    next: str | None
    previous: str | None


async def paginate(
    session: AsyncSession,
    statement: sa.Select[M],
    *,
    order_by: Sequence[sa.ColumnExpressionArgument[Any]],
    limit: int,
    cursor: str | None = None,
    options: Sequence[ORMOption] = (),
) -> Page[M]:
    """Return the page of a statement's rows that begins at a cursor.

    Args:
        statement: a `select()` of one entity; its own order, limit and offset are replaced.
        order_by: columns or expressions.
        limit: how many rows at most, 1 or more. If a client gives it, bound it.
        cursor: `next` or `previous` of another page; None for the first page.
        options: loader options; the rows of a joined collection do not count for the limit.

    Raises:
        InvalidCursor: the cursor is malformed, or belongs to another order.
        ValueError: the limit is below 1.
        TypeError: the statement does not select one entity, the order is text, or a cursor cannot
            hold its values: JSON, an array, an interval, or a function without a type. Write
            `func.lower(User.email, type_=Text)`.
    """
    if limit < 1:
        raise ValueError("the limit of a page must be 1 or more")
    selected = [(each["expr"], each.get("entity")) for each in statement.column_descriptions]
    if len(selected) != 1 or selected[0][0] is not selected[0][1]:
        raise TypeError("a page has the rows of one entity: paginate(session, select(Model), …)")
    entity = selected[0][0]
    terms = complete_order(entity, order_by)
    form = CursorFormat(terms)
    place, backward = (None, False) if cursor is None else form.load(cursor)
    if backward:
        terms = [term.reversed() for term in terms]

    # The rows are joined to their places. So any loader option works, and a joined collection does not
    # count. The values of the order come from the query: an attribute may have changed since.
    # One more is read, to know whether there is another page.
    found = _places(statement, terms, place, limit + 1)
    pairs = list(zip(terms, found.c, strict=False))  # the last column is their number
    query = (
        sa.select(entity, *found.c)
        .join(found, sa.and_(*(term.key == c for term, c in pairs if term.key is not None)))
        .order_by(*(term.ordered(column) for term, column in pairs))
        .options(*options)
        .execution_options(**statement.get_execution_options())
    )
    rows = (await session.execute(query)).unique(_places_of).all()
    more, rows = bool(rows) and rows[0][-1] > limit, rows[:limit]
    if backward:
        rows = rows[::-1]

    # Both cursors are always written, so that a wrong type is an error of the first page. Without a row
    # they are the two ends of the list: the rows beside the place were deleted.
    first, last = (rows[0][1:-1], rows[-1][1:-1]) if rows else (None, None)
    before, after = form.dump(first, backward=True), form.dump(last, backward=False)
    has_next, has_previous = (True, more) if backward else (more, cursor is not None)
    return Page(
        items=[row[0] for row in rows],
        next=after if has_next else None,
        previous=before if has_previous else None,
    )


def _places_of(row: Sequence[object]) -> tuple[object, ...]:
    """Return what tells a row from others. NaN does not equal itself, so it becomes a text."""
    return tuple("NaN" if value != value else value for value in row[1:])


def _places(
    statement: sa.Select[Any], terms: Sequence[Term], place: Place, limit: int
) -> sa.Subquery:
    """Select the values of the order, of the first rows from a place on, and the number of these rows.

    A join may repeat rows, so the number of different rows does not tell whether there are more.
    """
    # A number in the SQL. A generic plan does not know the value of a parameter: it expects a tenth of
    # all rows, and may read the whole table.
    first = sa.bindparam(None, limit, sa.Integer, literal_execute=True)
    values = [term.column.label(f"order_{number}") for number, term in enumerate(terms)]
    ordered = (
        statement.with_only_columns(*values)
        .order_by(None)
        .order_by(*(term.ordered(term.column) for term in terms))
        .limit(first)
        .offset(None)
    )
    criteria = [sa.true()] if place is None else _beyond(terms, place)
    branches = [ordered.where(criterion) for criterion in criteria]
    places: sa.Select[Any] | sa.CompoundSelect[Any] = branches[0]
    if len(branches) > 1:
        # Subqueries, because some database systems refuse a limit inside of a UNION.
        places = sa.union_all(*(sa.select(branch.subquery()) for branch in branches))
        order = (t.ordered(c) for t, c in zip(terms, places.selected_columns, strict=True))
        places = places.order_by(*order).limit(first)
    return sa.select(places.subquery(), sa.func.count().over().label("places")).subquery()


def _beyond(terms: Sequence[Term], place: Sequence[object]) -> Iterator[sa.ColumnElement[bool]]:
    """Yield criteria that together cover all rows beyond a place, each row once.

    Each of them is one range of the index. One criterion, `a > 1 OR a = 1 AND b > 2`, would be a
    filter, and the server would read all rows before the place too.
    """
    same: list[sa.ColumnElement[bool]] = []
    values = [sa.literal(value, t.column.type) for value, t in zip(place, terms, strict=True)]
    for position, term in enumerate(terms):
        column, value, rest = term.column, values[position], terms[position:]
        beyond = operator.lt if term.descending else operator.gt
        if all(not t.nullable and t.descending == term.descending for t in rest):
            # One comparison of rows. It does not work with NULL, which is neither less nor greater.
            row = sa.tuple_(*(t.column for t in rest))
            yield sa.and_(*same, beyond(row, sa.tuple_(*values[position:])))
            return
        null = place[position] is None
        if not null:
            yield sa.and_(*same, beyond(column, value))
        if term.nullable and null == term.nulls_first:
            yield sa.and_(*same, column.is_not(None) if null else column.is_(None))
        same.append(column.is_(None) if null else column == value)
