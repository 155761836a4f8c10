"""Defaults of columns, and what they mean for the rows that are there already."""

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import CompileError

_FIXED = {"now", "transaction_timestamp", "statement_timestamp", "coalesce", "lower", "upper"}


def differs_by_row(default: Any) -> bool:
    """Whether a default may call something that is not the same for all rows of a statement."""
    if isinstance(getattr(default, "arg", None), str):
        return False  # text, which is quoted
    calls = re.findall(r"([a-z_]\w*)\s*\(", str(getattr(default, "arg", default)).lower())
    return not _FIXED.issuperset(calls)


def as_sql(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    """Return the default that Python gives, or nothing where that differs or cannot be written."""
    default: Any = column.default
    if default is None or not default.is_scalar:
        return ""
    value: sa.ColumnElement[Any] = sa.literal(default.arg, column.type)
    if isinstance(column.type, sa.ARRAY):  # an empty one has no type of its own
        value = sa.cast(value, column.type)
    try:
        return str(value.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except CompileError:  # JSON, for example
        return ""
