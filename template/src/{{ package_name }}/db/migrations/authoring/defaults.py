"""The Python default of a column, as SQL for the existing rows."""

from typing import Any

import sqlalchemy as sa


def as_sql(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    """Return the default as SQL, or the empty string if that is not possible.

    A function of Python has another value for each row, so it is not possible.
    """
    default: Any = column.default
    if default is None or not default.is_scalar:
        return ""
    value: sa.ColumnElement[Any] = sa.literal(default.arg, column.type)
    if isinstance(column.type, sa.ARRAY):  # An empty array has no type.
        value = sa.cast(value, column.type)
    try:
        return str(value.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except sa.exc.CompileError:  # for example JSON
        return ""
