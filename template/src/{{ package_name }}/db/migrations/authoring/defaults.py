"""The Python default of a column, as SQL for the existing rows."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import CompileError


def as_sql(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    """Return the default as SQL, or the empty string if that is not possible."""
    default: Any = column.default
    if default is None or not default.is_scalar:
        return ""
    literal = sa.literal(default.arg, column.type)
    # An empty array has no type.
    value: Any = sa.cast(literal, column.type) if isinstance(column.type, sa.ARRAY) else literal
    try:
        return str(value.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except CompileError:  # for example JSON
        return ""
