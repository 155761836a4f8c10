"""The default that a model's column has in Python, as SQL for the rows that are there already."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import CompileError


def as_sql(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    """Return the default as SQL; empty where there is none, it is a function, or SQL cannot say it."""
    default: Any = column.default
    if default is None or not default.is_scalar:
        return ""
    value: sa.ColumnElement[Any] = sa.literal(default.arg, column.type)
    if isinstance(column.type, sa.ARRAY):  # An empty array has no type of its own.
        value = sa.cast(value, column.type)
    try:
        return str(value.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except CompileError:  # JSON, for example.
        return ""
