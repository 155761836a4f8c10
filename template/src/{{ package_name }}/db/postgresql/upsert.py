"""Parts of an INSERT … ON CONFLICT for staged rows."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.visitors import replacement_traverse

from .staging import ORDINAL

insert = postgresql.insert
"""The INSERT that has `on_conflict_do_update`."""


def conflict_arguments(target: Any) -> dict[str, Any]:
    """Return the arguments of `on_conflict_do_update` that name a constraint or index."""
    return {"constraint": target}


def last_of_each(columns: Sequence[sa.Column[Any]], target: Any, stage: sa.FromClause) -> Any:
    """Return a query of the last one of the staged rows with the same key, in the order of the key.

    Two statements that insert them do not deadlock, because of the order.

    Args:
        columns: the columns to select.
        target: the constraint or index with the key.
        stage: the rows, as `staged` yields them.
    """

    def replace(element: Any, **_: Any) -> Any:
        return rows.c[element.name] if isinstance(element, sa.Column) else None

    expressions = [*getattr(target, "expressions", target.columns)]  # an index has expressions
    options = target.dialect_options["postgresql"]
    where = sa.true() if (given := options.get("where")) is None else given
    names, filled = " ".join(map(str, [*expressions, where])), {*columns}
    others = [each for each in target.table.c if each.name in names and each not in filled]
    rows = sa.select(stage, *map(_default, others)).subquery("rows")
    *keys, where = (replacement_traverse(each, {}, replace) for each in (*expressions, where))
    # A row that conflicts with no other row gets its number as another key. For a unique constraint two
    # NULLs are different, and for DISTINCT they are equal.
    whole = options.get("nulls_not_distinct") or sa.func.num_nulls(*keys) == 0
    keys.append(sa.case((sa.and_(where, whole), sa.null()), else_=rows.c[ORDINAL]))
    query = sa.select(*(rows.c[column.name] for column in columns))
    return query.ext(postgresql.distinct_on(*keys)).order_by(*keys, rows.c[ORDINAL].desc())


def _default(column: sa.Column[Any]) -> sa.Label[Any]:
    """Return the value that the server gives to a column, if the rows do not."""
    return sa.cast(getattr(column.server_default, "arg", None), column.type).label(column.name)
