"""Find the new constraint that replaces an old one, so that one of the two always exists.

The old code and the new code write between the phases, and each of them relies on its constraint:

==============================  ====================================================================
The new constraint              is created, and then the old one is dropped
==============================  ====================================================================
is as strict, or stricter       in contract, because the new code obeys both:
                                UNIQUE (a, b) → UNIQUE (a) → unique index on lower(a);
                                a foreign key with another ON DELETE
is less strict                  in expand, because the old code obeys both:
                                UNIQUE (a) → UNIQUE (a, b)
refuses other rows              in contract; but the old one is dropped in expand
==============================  ====================================================================
"""

import re
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from ..dialect import dialect
from ..phases import Phase

Table = tuple[str | None, str]
"""The schema and the name of a table."""


def find_phase(new: Any, old: Any, columns: Collection[str]) -> Phase | None:
    """Return the phase in which a new constraint replaces an old one. Return None if it does not.

    Args:
        new: the operation that creates the new constraint.
        old: the operation that drops the old constraint.
        columns: the names of the table's columns.
    """
    was = old.reverse()
    if _implies(new, was, columns):
        return "contract"
    return "expand" if _implies(was, new, columns) else None


def table_of(operation: Any) -> Table:
    """Return the table that an operation changes."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return operation.kw.get("source_schema"), operation.source_table
    return getattr(operation, "schema", None), getattr(operation, "table_name", "")


def name_of(operation: Any) -> str:
    """Return the name of a constraint or an index, or the empty string for another operation."""
    return str(getattr(operation, "index_name", getattr(operation, "constraint_name", "")))


def _implies(strict: Any, loose: Any, columns: Collection[str]) -> bool:
    """Return whether all rows that obey the strict constraint also obey the loose one."""
    both = (strict, loose)
    if all(isinstance(each, ops.CreateForeignKeyOp) for each in both):
        tables = [(each.kw.get("referent_schema"), each.referent_table) for each in both]
        more, fewer = ({*zip(each.local_cols, each.remote_cols, strict=True)} for each in both)
        return tables[0] == tables[1] and fewer <= more
    unique = ops.CreateUniqueConstraintOp
    if not all(isinstance(each, unique) or getattr(each, "unique", False) for each in both):
        return False
    where = [_words(each.kw.get(f"{dialect.NAME}_where")) for each in both]
    is_null = [bool(each.kw.get(f"{dialect.NAME}_nulls_not_distinct")) for each in both]
    if where[0] not in (["None"], where[1]) or is_null[0] < is_null[1]:
        return False
    # Rows with the same `a` also have the same `lower(a)`. So if `lower(a)` is unique, `a` is unique.
    keys = [_words(each) for each in loose.columns]
    return all(
        item in keys or all([name] in keys for name in columns if name in item)
        for item in map(_words, strict.columns)
    )


def _words(expression: Any) -> list[str]:
    """Return the words and signs of an expression, without table names, casts and parentheses."""
    text = expression.name if isinstance(expression, sa.Column) else str(expression)
    return re.findall(r"\w+|[^\w\s()]", re.sub(r"\b\w+\.(?=\w)|::\w+", "", text))
