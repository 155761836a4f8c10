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
* If a column may be NULL, or directions are mixed, the rows beyond a cursor are several ranges of the
  index. One statement reads the nearest range. If the page is not full, other statements read the next
  ranges. One condition with OR would read the list from its beginning.

If a join repeats a row, the row is still one item. Then more statements read rows until the page is
full. If the order has a column of the joined table, a row is an item for each of its places.

An order is prepared only once if its expressions are the same objects in each call: columns of a model,
or an expression that the program keeps. Other expressions are prepared for each page. A statement is also
prepared only once if it is the same object. So give conditions that change as `criteria`.

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
from typing import Any, Generic, TypedDict, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.interfaces import ORMOption

from ..engine.translation import translated
from .cursor import CursorFormat, Place
from .order import Term, directed, part, refuse_unjoined

M = TypeVar("M")

OrderBy = sa.ColumnExpressionArgument[Any] | Sequence[sa.ColumnExpressionArgument[Any]]
"""Columns or `column.desc()`, or one of them."""

Options = Sequence[ORMOption]
"""Loader options, such as `selectinload(User.posts)`."""


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows in their order, and the cursors of the pages beside them.

    `next` is None if this is the last page. `previous` is None if no cursor was given, or if a page
    back reached the first row. Otherwise it is a cursor, though its rows may be gone by then.

    `item_cursors` has a cursor for each item, as an edge of Relay has it, if the caller asks for them.
    The rows after the cursor are those after the item. With `backward=True` they are those before it.
    """

    items: Sequence[M]
    next: str | None
    previous: str | None
    item_cursors: Sequence[str] = ()


class PageArguments(TypedDict, total=False):
    """Which page is read, and what it has. `paginate` describes the arguments."""

    cursor: str | None
    backward: bool
    item_cursors: bool
    options: Options


async def paginate(
    session: AsyncSession,
    statement: sa.Select[M],
    *criteria: sa.ColumnExpressionArgument[bool],
    order_by: OrderBy,
    limit: int,
    cursor: str | None = None,
    backward: bool = False,
    item_cursors: bool = False,
    options: Options = (),
) -> Page[M]:
    """Return the page of a statement's rows that begins at a cursor.

    Args:
        statement: a `select()` of one entity; its own order, limit and offset are replaced.
        criteria: more conditions, which may differ in each call.
        order_by: columns or expressions, or one of them.
        limit: how many rows at most, 1 or more. If a client gives it, bound it.
        cursor: `next`, `previous` or one of `item_cursors` of another page; None for the first page.
        backward: read the rows before the cursor. Without a cursor, read the last page. The order of
            the items is the same.
        item_cursors: whether the page has `item_cursors`. Each of them takes about 7 µs.
        options: loader options; the rows of a joined collection do not count for the limit.

    Raises:
        InvalidCursor: the cursor is malformed, or belongs to another order.
        ValueError: the limit is below 1.
        TypeError: the statement does not select one entity, or the order is text. Or the order has a
            column of a table that nothing joins. Or a cursor cannot hold its values: JSON, an array, an
            interval, or a function without a type. Write `func.lower(User.email, type_=Text)`.
    """
    if limit < 1:
        raise ValueError("the limit of a page must be 1 or more")
    form = _format(_entity(statement), tuple(map(part, directed(order_by))))
    place, leads_back = (None, False) if cursor is None else form.load(cursor)
    backward = backward or leads_back
    terms = tuple(term.reversed for term in form.terms) if backward else form.terms
    query = _query(statement, form.columns, terms, limit)
    with translated:  # a query that stays the same object has its key for SQLAlchemy's cache
        query = query.options(*options).where(*criteria) if options or criteria else query
    if form.others:
        refuse_unjoined(query, "nothing joins {}, so rows repeat: compare columns of the tables")

    rows, more = await _read(session, query, terms, place, limit + 1)
    while more and len(rows) <= limit:
        # A join repeats some rows, so the page is not full. The next rows belong to this page too.
        others, more = await _read(session, query, terms, rows[-1][1:], limit + 1)
        rows += others
    more = more or len(rows) > limit
    rows = rows[:limit][::-1] if backward else rows[:limit]

    # If the page has no rows, the rows beside the place were deleted. Then the cursors are the two ends.
    first, last = (rows[0][1:], rows[-1][1:]) if rows else (None, None)
    # This writes the cursor even if there is no next page. So the first page refuses a wrong type.
    after = form.dump(last, backward=False)
    return Page(
        items=[row[0] for row in rows],
        next=after if (cursor if backward else more) else None,
        previous=form.dump(first, backward=True) if (more if backward else cursor) else None,
        item_cursors=tuple(form.dump(row[1:], backward=False) for row in rows if item_cursors),
    )


_format = lru_cache(maxsize=256)(CursorFormat)


@lru_cache(maxsize=256)
def _entity(statement: Any) -> Any:
    selected = [(each["expr"], each.get("entity")) for each in statement.column_descriptions]
    if len(selected) != 1 or selected[0][0] is not selected[0][1]:
        raise TypeError("a page has the rows of one entity: paginate(session, select(Model), …)")
    return selected[0][0]


@lru_cache(maxsize=256)
def _query(statement: Any, columns: Sequence[Any], terms: Sequence[Term], limit: int) -> Any:
    # The limit is a number in the SQL. A generic plan does not know the value of a parameter: it expects
    # a tenth of all rows, and may read the whole table.
    query = statement.add_columns(*columns).limit(sa.literal_column(str(limit + 1))).offset(None)
    return query.order_by(None).order_by(*(term.ordering for term in terms))


async def _read(
    session: AsyncSession, query: Any, terms: Sequence[Term], place: Place, limit: int
) -> tuple[list[Any], bool]:
    """Return the items after a place with their values of the order, and whether more rows may follow.

    The values come from the query, because the program may have changed an attribute.
    """
    parameters = {f"cursor_value_{number}": value for number, value in enumerate(place or ())}
    rows: list[Any] = []
    # PostgreSQL takes an aggregate only in HAVING. SQLAlchemy's attribute is private.
    restrict = query.having if query._group_by_clauses else query.where
    for each in (*_beyond(terms, tuple(v is None for v in place)),) if place else (None,):
        limited = query if each is None else restrict(each)
        # For a joined collection SQLAlchemy demands `unique()`. By `id`, it drops no row.
        found = (await session.execute(limited, parameters)).unique(id).all()
        # If a join repeats a row, the row is one item. NaN does not equal itself, but its text does.
        twos = pairwise([[None], *found])
        rows += [new for old, new in twos if new[0] is not old[0] or repr(new[1:]) != repr(old[1:])]
        if len(found) >= limit or len(rows) >= limit:
            return rows, len(found) >= limit
    return rows, False


@lru_cache(maxsize=1024)
def _beyond(terms: Sequence[Term], nulls: Sequence[bool]) -> list[sa.ColumnElement[bool]]:
    """Return criteria that together cover all rows beyond a place, each row once.

    Each of them is one range of the index. One criterion, `a > 1 OR a = 1 AND b > 2`, would be a
    filter, and the server would read all rows before the place too.

    Args:
        nulls: which values of the place are NULL. The others are parameters.

    Returns:
        The criteria. The first one has the nearest rows.
    """
    far: list[sa.ColumnElement[bool]] = []
    same: list[sa.ColumnElement[bool]] = []
    values = [sa.bindparam(f"cursor_value_{n}", type_=t.column.type) for n, t in enumerate(terms)]
    for position, term in enumerate(terms):
        column, value, null, rest = term.column, values[position], nulls[position], terms[position:]
        beyond = operator.lt if term.descending else operator.gt
        if all(not t.nullable and t.descending == term.descending for t in rest):
            # One comparison of rows. It does not work with NULL, which is neither less nor greater.
            row = sa.tuple_(*(t.column for t in rest))
            far.append(sa.and_(*same, beyond(row, sa.tuple_(*values[position:]))))
            break
        if term.nullable and null == term.nulls_first:
            far.append(sa.and_(*same, column.is_not(None) if null else column.is_(None)))
        if not null:
            far.append(sa.and_(*same, beyond(column, value)))
        same.append(column.is_(None) if null else column == value)
    return far[::-1]
