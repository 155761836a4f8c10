"""Pages of a list by keyset: a page begins at a place in the order, not at a number.

::

    page = await posts.paginate(
        Post.published.is_(True), order_by=[Post.created_at.desc()], limit=50, cursor=cursor
    )
    page.items, page.next, page.previous

The last page is as fast as the first, given the index, and rows that are inserted or deleted
meanwhile neither repeat other rows nor hide them. A row whose place in the order changes moves, and
may be met twice or not at all.

Any order will do: columns and SQL expressions, `desc()`, `nulls_first()`, `nulls_last()`. What is
missing of the primary key is appended in the direction of the last column, so that each row has a
place of its own.

The index: first the columns that the criteria compare by `=`, then the order with its key.

* Columns that are NOT NULL, in one direction: `Index(None, "created_at", "id")`, read either way.
  One comparison of rows finds the place.
* Mixed directions, or NULLs not where PostgreSQL puts them by default: the index has the same ones,
  or all of them reversed: `Index(None, rating.desc().nulls_last(), created_at, id)`.
* Where a column may be NULL or directions are mixed there are several such places, each read up to
  the limit: a condition with OR would read the list from its beginning.

Limits: no total and no jump to page 70. A join of the statement must not multiply rows. A page takes
one statement, but two pages are two: they agree on a snapshot only in REPEATABLE READ.
"""

import operator
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ColumnExpressionArgument,
    Integer,
    Label,
    Numeric,
    Select,
    Subquery,
    TypeDecorator,
    UnaryExpression,
    and_,
    asc,
    bindparam,
    inspect,
    literal,
    select,
    true,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeEngine

from .cursor import Cursor, CursorFormat

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows in their order, and the cursors of the pages beside them.

    `next` is None if this is the last page. `previous` is None if no cursor was given, or if going
    back came to the first row; otherwise it is a cursor, though the rows may be gone by then.
    """

    items: Sequence[M]
    next: str | None
    previous: str | None


async def paginate(
    session: AsyncSession,
    statement: Select[M],
    *,
    order_by: Sequence[ColumnExpressionArgument[Any]],
    limit: int,
    cursor: str | None = None,
    load: Sequence[ORMOption] = (),
) -> Page[M]:
    """Return the page of a statement's rows that begins at a cursor.

    Args:
        statement: a `select()` of one entity; its own order, limit and offset are replaced.
        order_by: columns or expressions.
        limit: how many rows at most, 1 or more. Bound it where it comes from outside.
        cursor: `next` or `previous` of another page; without it, the first page.
        load: loader options; collections by `joinedload` do not count as rows.

    Raises:
        InvalidCursor: the cursor is malformed, or was made for another order.
        ValueError: the limit is below 1.
        TypeError: the order is text, or its values cannot be kept in a cursor: JSON, an array, or a
            function whose type is not said. Write `func.lower(User.email, type_=Text)`.
    """
    if limit < 1:
        raise ValueError("a page has room for at least one row: give a limit of 1 or more")
    [description] = statement.column_descriptions
    entity = description["entity"]
    terms = _terms(entity, order_by)
    form = CursorFormat(
        _checksum(terms),
        [(term.column.type, term.nullable) for term in terms],
    )
    here = None if cursor is None else form.load(cursor)
    backward = here is not None and here.backward
    if backward:
        terms = [term.reversed() for term in terms]

    # Joined to their places, rows can be loaded with any option, and a joined collection does not
    # count. The values of the order are the query's: an attribute may have changed since.
    found = _places(statement, terms, here, limit + 1)  # one more, to know whether there is another
    pairs = list(zip(terms, found.c, strict=True))
    query = (
        select(entity, *found.c)
        .join(found, and_(*(term.key == c for term, c in pairs if term.key is not None)))
        .order_by(*(term.ordered(column) for term, column in pairs))
        .options(*load)
        .execution_options(**statement.get_execution_options())
    )
    rows = (await session.execute(query)).unique(lambda row: id(row[0])).all()
    more, rows = len(rows) > limit, rows[:limit]
    if backward:
        rows = rows[::-1]

    before = after = None
    if rows:
        before, after = Cursor(rows[0][1:], backward=True), Cursor(rows[-1][1:])
    elif here is not None:  # what was there is gone: all rows are on the other side of the place
        before = after = replace(here, backward=not backward, inclusive=not here.inclusive)
    has_next, has_previous = (True, more) if backward else (more, here is not None)
    return Page(
        items=[row[0] for row in rows],
        next=form.dump(after) if after and has_next else None,
        previous=form.dump(before) if before and has_previous else None,
    )


@dataclass(frozen=True, slots=True)
class _Term:
    """One column of an order."""

    column: ColumnElement[Any]
    descending: bool
    nulls_first: bool
    nullable: bool
    key: Any = None
    """The attribute, if it is one of the primary key."""

    def reversed(self) -> "_Term":
        """Return what reads the same order from its end."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    def ordered(self, column: ColumnElement[Any]) -> UnaryExpression[Any]:
        """Order by a column that has this term's values."""
        directed = column.desc() if self.descending else column.asc()
        return directed.nulls_first() if self.nulls_first else directed.nulls_last()


def _terms(entity: Any, order_by: Sequence[ColumnExpressionArgument[Any]]) -> list[_Term]:
    """Read an order, and complete it by what is missing of the primary key."""
    mapper = inspect(entity).mapper
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    missing = [getattr(entity, name) for name in names]
    terms: list[_Term] = []
    for item in order_by:
        expression, descending, nulls_first = _parts(item)
        key = next((key for key in missing if expression.compare(key.__clause_element__())), None)
        # Another table's column can be NULL whatever it says itself, by an outer join.
        own = mapper.persist_selectable.c.contains_column(expression)
        nullable = key is None and not (own and not expression.nullable)
        column = type_coerce(expression, _widest(expression.type))
        terms.append(_Term(column, descending, nulls_first, nullable, key))
        missing = [other for other in missing if other is not key]
        if not missing:
            return terms  # the key is unique: what follows it decides nothing
    down = terms[-1].descending if terms else False
    return terms + [
        _Term(type_coerce(key, _widest(key.type)), down, down, nullable=False, key=key)
        for key in missing
    ]


def _parts(item: ColumnExpressionArgument[Any]) -> tuple[ColumnElement[Any], bool, bool]:
    """Take an element of ORDER BY apart: expression, descending, nulls first."""
    expression: object = asc(item)
    descending, nulls_first = False, None
    while isinstance(expression, Label | UnaryExpression):
        modifier = operators.asc_op if isinstance(expression, Label) else expression.modifier
        if modifier is operators.desc_op:
            descending = True
        elif modifier in {operators.nulls_first_op, operators.nulls_last_op}:
            nulls_first = modifier is operators.nulls_first_op
        elif modifier is not operators.asc_op:
            break  # an operator, such as minus
        expression = expression.element
    if isinstance(item, str) or not isinstance(expression, ColumnElement):
        raise TypeError("an order is made of columns and SQL expressions, never of text")
    return expression, descending, descending if nulls_first is None else nulls_first


def _widest(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type in which no value is cut off, as it would be by NUMERIC(10, 2) of a product.

    Of a type that the project decorates it is the one in the database.
    """
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, Integer):
        return BigInteger()
    return Numeric() if isinstance(kind, Numeric) else kind


def _checksum(terms: Sequence[_Term]) -> int:
    """Return what tells one order from another, in every process."""
    compiled = tuple_(*(term.ordered(term.column) for term in terms)).compile()
    return zlib.crc32(f"{compiled} {compiled.params}".encode())


def _places(
    statement: Select[Any], terms: Sequence[_Term], here: Cursor | None, limit: int
) -> Subquery:
    """Select the values of the order of the first rows there are from here on."""
    # As a number in the SQL. A parameter is unknown to a generic plan, which then expects a tenth of
    # all rows and may read the whole table.
    first = bindparam(None, limit, Integer, literal_execute=True)
    values = [term.column.label(f"order_{number}") for number, term in enumerate(terms)]
    branches = [
        statement.with_only_columns(*values)
        .where(criterion)
        .order_by(None)
        .order_by(*(term.ordered(term.column) for term in terms))
        .limit(first)
        .offset(None)
        for criterion in ([true()] if here is None else _beyond(terms, here))
    ]
    if len(branches) == 1:
        return branches[0].subquery()
    union = union_all(*branches)
    order = (t.ordered(c) for t, c in zip(terms, union.selected_columns, strict=True))
    return union.order_by(*order).limit(first).subquery()


def _beyond(terms: Sequence[_Term], here: Cursor) -> Iterator[ColumnElement[bool]]:
    """Yield criteria that together cover what lies beyond a place, no row twice.

    Each of them is one range of the index. As one criterion, `a > 1 OR a = 1 AND b > 2` would be a
    filter, and read all that comes before, too.
    """
    same: list[ColumnElement[bool]] = []
    values = [literal(value, t.column.type) for value, t in zip(here.values, terms, strict=True)]
    for position, term in enumerate(terms):
        column, value, rest = term.column, values[position], terms[position:]
        if all(not t.nullable and t.descending == term.descending for t in rest):
            # One comparison of rows; not with NULLs, which are neither less nor greater to it.
            compare = _COMPARE[term.descending][here.inclusive]
            row = tuple_(*(t.column for t in rest))
            yield and_(*same, compare(row, tuple_(*values[position:])))
            return
        null = here.values[position] is None
        if not null:
            yield and_(*same, _COMPARE[term.descending][False](column, value))
        if term.nullable and null == term.nulls_first:
            yield and_(*same, column.is_not(None) if null else column.is_(None))
        same.append(column.is_(None) if null else column == value)


# By descending, then by inclusive.
_COMPARE = ((operator.gt, operator.ge), (operator.lt, operator.le))
