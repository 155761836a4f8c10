"""An order of rows in which no two rows have the same place."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators

from .values import stored_type


@dataclass(frozen=True, slots=True)
class Term:
    """One column of an order."""

    column: sa.ColumnElement[Any]
    descending: bool
    nulls_first: bool
    nullable: bool
    key: Any = None
    """The attribute, if it belongs to the primary key."""

    def reversed(self) -> "Term":
        """Return the term for the reversed order."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

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
        nullable = key is None and not (own and not expression.nullable)
        column = sa.type_coerce(expression, stored_type(expression.type))
        terms.append(Term(column, descending, nulls_first, nullable, key))
        missing = [other for other in missing if other is not key]
        if not missing:
            return terms  # the key is unique, so later terms change nothing
    down = terms[-1].descending if terms else False
    return terms + [
        Term(sa.type_coerce(key, stored_type(key.type)), down, down, nullable=False, key=key)
        for key in missing
    ]


def _parts(item: sa.ColumnExpressionArgument[Any]) -> tuple[sa.ColumnElement[Any], bool, bool]:
    """Take an element of ORDER BY apart: expression, descending, nulls first."""
    expression: object = sa.asc(item)
    descending, nulls_first = False, None
    while isinstance(expression, sa.Label | sa.UnaryExpression):
        modifier = operators.asc_op if isinstance(expression, sa.Label) else expression.modifier
        if modifier is operators.desc_op:
            descending = True
        elif modifier in {operators.nulls_first_op, operators.nulls_last_op}:
            nulls_first = modifier is operators.nulls_first_op
        elif modifier is not operators.asc_op:
            break  # an operator, such as minus
        expression = expression.element
    if isinstance(item, str) or not isinstance(expression, sa.ColumnElement):
        raise TypeError("order_by takes columns and SQL expressions, not text")
    return expression, descending, descending if nulls_first is None else nulls_first


def checksum(terms: Sequence[Term], dialect: sa.Dialect) -> int:
    """Return a number that identifies an order. It is the same in every process."""
    compiled = sa.tuple_(*(t.ordered(t.column) for t in terms)).compile(dialect=dialect)
    return zlib.crc32(f"{compiled} {compiled.params}".encode())
