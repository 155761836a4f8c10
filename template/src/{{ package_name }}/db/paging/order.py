"""An order of rows in which no two rows have the same place."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, util
from sqlalchemy.sql import compiler, operators, visitors

from ..dialect import dialect
from .values import stored_type


@dataclass(frozen=True, eq=False)
class Term:
    """One column of an order."""

    column: sa.ColumnElement[Any]
    descending: bool
    nulls_first: bool
    nullable: bool

    @cached_property
    def reversed(self) -> "Term":
        """The term for the reversed order."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    @cached_property
    def ordering(self) -> sa.UnaryExpression[Any]:
        """The element of ORDER BY."""
        directed = self.column.desc() if self.descending else self.column.asc()
        return directed.nulls_first() if self.nulls_first else directed.nulls_last()


Part = tuple[sa.ColumnElement[Any], bool, bool]
"""An element of ORDER BY: its expression, whether it is descending, and whether NULLs are first."""

_REFUSED = "order_by takes columns and SQL expressions, not text, relationships or window functions"


def directed(order_by: Any) -> list[Any]:
    """Return the elements of ORDER BY with their directions. Text in `text()` has its own.

    Raises:
        TypeError: an element is text, a relationship or no expression at all.
    """
    known, items = (sa.UnaryExpression, sa.TextClause), util.to_list(order_by)
    with suppress(exc.ArgumentError, NotImplementedError):
        if not any(isinstance(each, str) for each in items):
            return [each if isinstance(each, known) else sa.asc(each) for each in items]
    raise TypeError(_REFUSED)


def part(expression: Any) -> Part:
    """Return the parts of an element of ORDER BY that has its direction.

    Raises:
        TypeError: the element is `text()`.
    """
    modifiers = set[Any]()
    while isinstance(expression, sa.UnaryExpression) and expression.modifier:
        modifiers.add(expression.modifier)
        expression = expression.element
    if not isinstance(expression, sa.ColumnElement):
        raise TypeError(_REFUSED)
    descending = operators.desc_op in modifiers
    by_default = descending and operators.nulls_last_op not in modifiers
    return expression, descending, by_default or operators.nulls_first_op in modifiers


def complete_order(entity: Any, parts: Sequence[Part]) -> list[Term]:
    """Return an order with the missing columns of the primary key at its end.

    Raises:
        TypeError: an element has a window function, or a type whose values are not scalars. Or rows of
            several tables may have the same key, as in concrete inheritance.
    """
    if any(isinstance(each, sa.Over) for part in parts for each in visitors.iterate(part[0])):
        raise TypeError(_REFUSED)
    mapper = sa.inspect(entity).mapper
    others = [each for each in mapper.self_and_descendants if each is not mapper]
    if mapper.with_polymorphic and any(each.concrete for each in others):
        raise TypeError(f"{mapper.class_.__name__} has rows of several tables: page its subclasses")
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    missing = [getattr(entity, name).__clause_element__() for name in names]
    down = bool(parts) and parts[-1][1]
    terms: list[Term] = []
    for expression, descending, nulls_first in (*parts, *((key, down, down) for key in missing)):
        others = [key for key in missing if key is not expression and not expression.compare(key)]
        is_key = len(others) < len(missing)
        if not is_key and len(terms) >= len(parts):
            continue  # the order already has this column of the key
        # In an outer join, a column of another table can be NULL even if it is declared NOT NULL.
        own = mapper.persist_selectable.c.contains_column(expression)
        nullable = not is_key and (not own or expression.nullable)
        column = sa.type_coerce(expression, stored_type(expression.type))
        terms.append(Term(column, descending, nulls_first, nullable))
        if not (missing := others):
            break  # the key is unique, so later terms change nothing
    return terms


def refuse_unjoined(statement: Any, message: str) -> None:
    """Refuse a statement with tables that nothing joins. SQLAlchemy only warns, while it runs.

    Raises:
        TypeError: the message, with the names of the tables.
    """
    how = {"dialect": dialect.SQL_DIALECT, "linting": compiler.COLLECT_CARTESIAN_PRODUCTS}
    linter = statement.compile(**how).from_linter
    if any(linter.lint()):
        raise TypeError(message.format(", ".join(sorted(linter.froms.values()))))
