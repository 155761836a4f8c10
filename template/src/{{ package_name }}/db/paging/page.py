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
a column of the joined table, a row is an item for each of its places. If rows are repeated, the last page
may need another query, to know that it is the last one.

The columns of an order are prepared once, if they are the same objects again: columns of a model, or an
expression that the program keeps. Other expressions are prepared for each page.

Limits: there is no total and no jump to page 70. Two pages are two statements: they see the same
snapshot only in REPEATABLE READ. An order by JSON, arrays, ranges, intervals or network addresses is
refused: make a scalar by `cast()`. The driver reads a date of infinity as the last date of Python, and
that date as infinity.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.interfaces import ORMOption

from .cursor import CursorFormat, Place
from .order import Part, Term, complete_order, part

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
    form = _format(selected[0][0], tuple(map(part, order_by)))
    place, backward = (None, False) if cursor is None else form.load(cursor)
    terms = tuple(term.reversed for term in form.terms) if backward else form.terms
    statement = statement.options(*options)

    found = await _read(session, statement, terms, place, limit + 1)
    # A row that a join repeats is an item once. NaN does not equal itself, but its text does.
    rows = found[:1] + [
        row
        for before, row in pairwise(found)
        if row[0] is not before[0] or repr(row[1:]) != repr(before[1:])
    ]
    more = len(rows) > limit
    if len(rows) <= limit < len(found):
        # The join of a loader option repeats rows of the page, and a join of the statement takes places.
        more = bool(await _read(session, statement, terms, rows[-1][1:], 1))
    rows = rows[:limit]
    if backward:
        rows = rows[::-1]

    # Without a row the cursors are the two ends of the list: the rows beside the place were deleted.
    first, last = (rows[0][1:], rows[-1][1:]) if rows else (None, None)
    # The first page writes this cursor even if it is the last one, so that it refuses a wrong type.
    after = form.dump(last, backward=False)
    has_next, has_previous = (True, more) if backward else (more, cursor is not None)
    return Page(
        items=[row[0] for row in rows],
        next=after if has_next else None,
        previous=form.dump(first, backward=True) if has_previous else None,
    )


@lru_cache(maxsize=256)
def _format(entity: Any, parts: Sequence[Part]) -> CursorFormat:
    return CursorFormat(complete_order(entity, parts))


async def _read(
    session: AsyncSession, statement: Any, terms: Sequence[Term], place: Place, limit: int
) -> list[Any]:
    """Return entities with the values of the order, from a place on.

    The values come from the query, because an attribute may have changed since.
    """
    values = place or ()
    criteria = _beyond(terms, tuple(value is None for value in values)) if values else [sa.true()]
    query = _select(statement, terms, criteria, limit)
    parameters = {f"value_of_cursor_{number}": value for number, value in enumerate(values)}
    # SQLAlchemy wants to drop rows that a joined collection repeats. No two rows have the same id.
    return [*(await session.execute(query, parameters)).unique(id)]


def _select(
    statement: Any, terms: Sequence[Term], criteria: Sequence[sa.ColumnElement[bool]], limit: int
) -> Any:
    # A number in the SQL. A generic plan does not know the value of a parameter: it expects a tenth of
    # all rows, and may read the whole table.
    first = sa.bindparam(None, limit, sa.Integer, literal_execute=True)
    values = [term.column.label(f"order_{number}") for number, term in enumerate(terms)]
    ordered = statement.order_by(None).order_by(*(term.ordering for term in terms))
    limited = ordered.limit(first).offset(None)
    if len(criteria) == 1:
        return limited.add_columns(*values).where(*criteria)
    # The entities are joined to the values of several ranges. So any loader option works. The ranges are
    # subqueries, because some database systems refuse a limit inside of a UNION.
    ranges = limited.with_only_columns(*values)
    union = sa.union_all(*(sa.select(ranges.where(each).subquery()) for each in criteria))
    order = (t.ordered(c) for t, c in zip(terms, union.selected_columns, strict=True))
    places = union.order_by(*order).limit(first).subquery()
    pairs = list(zip(terms, places.c, strict=True))
    return (
        sa.select(statement.column_descriptions[0]["expr"], *places.c)
        .join(places, sa.and_(*(term.key == c for term, c in pairs if term.key is not None)))
        .order_by(*(term.ordered(column) for term, column in pairs))
        .options(*statement._with_options)  # private
        .execution_options(**statement.get_execution_options())
    )


@lru_cache(maxsize=1024)
def _beyond(terms: Sequence[Term], nulls: Sequence[bool]) -> list[sa.ColumnElement[bool]]:
    """Return criteria that together cover all rows beyond a place, each row once.

    Each of them is one range of the index. One criterion, `a > 1 OR a = 1 AND b > 2`, would be a
    filter, and the server would read all rows before the place too.

    Args:
        nulls: which values of the place are NULL. The others are parameters.
    """
    criteria: list[sa.ColumnElement[bool]] = []
    same: list[sa.ColumnElement[bool]] = []
    values = [
        sa.bindparam(f"value_of_cursor_{n}", type_=t.column.type) for n, t in enumerate(terms)
    ]
    for position, term in enumerate(terms):
        column, value, rest = term.column, values[position], terms[position:]
        beyond = operator.lt if term.descending else operator.gt
        if all(not t.nullable and t.descending == term.descending for t in rest):
            # One comparison of rows. It does not work with NULL, which is neither less nor greater.
            row = sa.tuple_(*(t.column for t in rest))
            criteria.append(sa.and_(*same, beyond(row, sa.tuple_(*values[position:]))))
            break
        null = nulls[position]
        if not null:
            criteria.append(sa.and_(*same, beyond(column, value)))
        if term.nullable and null == term.nulls_first:
            criteria.append(sa.and_(*same, column.is_not(None) if null else column.is_(None)))
        same.append(column.is_(None) if null else column == value)
    return criteria
