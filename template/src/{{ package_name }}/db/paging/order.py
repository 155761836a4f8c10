"""An order of rows in which no two rows have the same place."""

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql import operators

from ..dialect import dialect
from .values import stored_type


class Term(NamedTuple):
    """One column of an order."""

    column: sa.ColumnElement[Any]
    descending: bool
    nulls_first: bool
    nullable: bool
    key: Any = None
    """The attribute, if it belongs to the primary key."""

    def reversed(self) -> "Term":
        """Return the term for the reversed order."""
        return self._replace(descending=not self.descending, nulls_first=not self.nulls_first)

    def ordered(self, column: sa.ColumnElement[Any]) -> sa.UnaryExpression[Any]:
        """Order by a column that has this term's values."""
        directed = column.desc() if self.descending else column.asc()
        return directed.nulls_first() if self.nulls_first else directed.nulls_last()


def complete_order(entity: Any, order_by: Sequence[sa.ColumnExpressionArgument[Any]]) -> list[Term]:
    """Read an order, and append the missing columns of the primary key.

    Raises:
        TypeError: the order is text, or has a type whose values are no scalars.
    """
    mapper = sa.inspect(entity).mapper
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    missing = [getattr(entity, name) for name in names]
    terms: list[Term] = []
    for item in order_by:
        expression, descending, nulls_first = _parts(item)
        key = next((key for key in missing if expression.compare(key.__clause_element__())), None)
        # In an outer join, a column of another table can be NULL even if it is declared NOT NULL.
        own = mapper.persist_selectable.c.contains_column(expression)
        nullable = key is None and (not own or expression.nullable)
        column = sa.type_coerce(expression, stored_type(expression.type))
        terms.append(Term(column, descending, nulls_first, nullable, key))
        missing = [other for other in missing if other is not key]
        if not missing:
            return terms  # the key is unique, so later terms change nothing
    down = bool(terms) and terms[-1].descending
    return complete_order(entity, [*order_by, *(key.desc() if down else key for key in missing)])


def _parts(item: sa.ColumnExpressionArgument[Any]) -> tuple[sa.ColumnElement[Any], bool, bool]:
    """Take an element of ORDER BY apart: expression, descending, nulls first."""
    expression: Any = sa.asc(item)
    modifiers = set[Any]()
    while isinstance(expression, sa.UnaryExpression) and expression.modifier:
        modifiers.add(expression.modifier)
        expression = expression.element
    if isinstance(item, str) or not isinstance(expression, sa.ColumnElement):
        raise TypeError("order_by takes columns and SQL expressions, not text")
    descending = operators.desc_op in modifiers
    by_default = descending and operators.nulls_last_op not in modifiers
    return expression, descending, by_default or operators.nulls_first_op in modifiers


def checksum(terms: Sequence[Term]) -> int:
    """Return a number that identifies an order. It is the same in every process."""
    order = sa.tuple_(*(term.ordered(term.column) for term in terms))
    compiled = order.compile(dialect=dialect.SQL_DIALECT)
    return zlib.crc32(f"{compiled} {compiled.params}".encode())
