"""An order of rows in which no two rows have the same place."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql import operators

from ..dialect import dialect
from .values import stored_type


@dataclass(frozen=True, eq=False)
class Term:
    """One column of an order."""

    column: sa.ColumnElement[Any]
    descending: bool
    nulls_first: bool
    nullable: bool
    key: Any = None
    """The attribute, if it belongs to the primary key."""

    @cached_property
    def reversed(self) -> "Term":
        """The term for the reversed order."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    @cached_property
    def ordering(self) -> sa.UnaryExpression[Any]:
        """The element of ORDER BY."""
        return self.ordered(self.column)

    def ordered(self, column: sa.ColumnElement[Any]) -> sa.UnaryExpression[Any]:
        """Order by a column that has this term's values."""
        directed = column.desc() if self.descending else column.asc()
        return directed.nulls_first() if self.nulls_first else directed.nulls_last()


class Part(NamedTuple):
    """An element of ORDER BY, taken apart."""

    expression: sa.ColumnElement[Any]
    descending: bool
    nulls_first: bool


def part(item: sa.ColumnExpressionArgument[Any]) -> Part:
    """Take an element of ORDER BY apart.

    Raises:
        TypeError: it is text.
    """
    expression: Any = item if isinstance(item, sa.UnaryExpression) else sa.asc(item)
    modifiers = set[Any]()
    while isinstance(expression, sa.UnaryExpression) and expression.modifier:
        modifiers.add(expression.modifier)
        expression = expression.element
    if isinstance(item, str) or not isinstance(expression, sa.ColumnElement):
        raise TypeError("order_by takes columns and SQL expressions, not text")
    descending = operators.desc_op in modifiers
    by_default = descending and operators.nulls_last_op not in modifiers
    return Part(expression, descending, by_default or operators.nulls_first_op in modifiers)


def complete_order(entity: Any, parts: Sequence[Part]) -> list[Term]:
    """Append the missing columns of the primary key.

    Raises:
        TypeError: the order has a type whose values are no scalars.
    """
    mapper = sa.inspect(entity).mapper
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    missing = [getattr(entity, name) for name in names]
    down = bool(parts) and parts[-1].descending
    terms: list[Term] = []
    for each in (*parts, *(Part(key.__clause_element__(), down, down) for key in missing)):
        expression = each.expression
        clauses = [(key, key.__clause_element__()) for key in missing]
        key = next((k for k, c in clauses if c is expression or expression.compare(c)), None)
        if key is None and len(terms) >= len(parts):
            continue  # the order has this column of the key already
        # In an outer join, a column of another table can be NULL even if it is declared NOT NULL.
        own = mapper.persist_selectable.c.contains_column(expression)
        nullable = key is None and (not own or expression.nullable)
        column = sa.type_coerce(expression, stored_type(expression.type))
        terms.append(Term(column, each.descending, each.nulls_first, nullable, key))
        missing = [other for other in missing if other is not key]
        if not missing:
            break  # the key is unique, so later terms change nothing
    return terms


def checksum(terms: Sequence[Term]) -> int:
    """Return a number that identifies an order. It is the same in every process."""
    order = sa.tuple_(*(term.ordering for term in terms))
    compiled = order.compile(dialect=dialect.SQL_DIALECT)
    return zlib.crc32(f"{compiled} {compiled.params}".encode())
