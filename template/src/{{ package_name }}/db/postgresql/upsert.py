"""INSERT … ON CONFLICT for staged rows."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.sql.expression import FromClause
from sqlalchemy.sql.visitors import replacement_traverse

from .staging import ORDINAL


def upsert_statement(
    into: Any,
    columns: Sequence[sa.Column[Any]],
    stage: FromClause,
    target: sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.Index,
    overwritten: Collection[sa.Column[Any]],
    changes: dict[Any, Any],
    where: sa.ColumnElement[bool] | None,
) -> sa.Insert:
    """Return a statement that inserts staged rows, and changes the rows that exist already.

    If several staged rows have the same key, the last one wins. The statement writes rows in the order
    of the key, so two such statements do not deadlock.

    Args:
        into: what `insert()` takes: a table, or a class that is mapped to it.
        columns: the columns of the stage.
        stage: the rows, as `staged` yields them.
        target: the constraint or index that says whether a row exists.
        overwritten: the columns that an existing row gets from the stage. Without any, the row stays as
            it is.
        changes: other new values of an existing row.
        where: a condition for the existing rows that may change.
    """
    query = _last_of_each(columns, target, stage)
    statement = insert(into).from_select(list(columns), query)
    if not overwritten:
        return statement.on_conflict_do_nothing(constraint=target)
    new = {each: statement.excluded[each.key] for each in overwritten} | changes
    return statement.on_conflict_do_update(constraint=target, set_=new, where=where)


def _last_of_each(columns: Any, target: Any, stage: FromClause) -> Any:
    """Select the last one of the rows with the same key, in the order of the key."""

    def replace(element: Any, **_: Any) -> Any:
        return rows.c[element.name] if isinstance(element, sa.Column) else None

    expressions = [*getattr(target, "expressions", target.columns)]  # an index has expressions
    options = target.dialect_options["postgresql"]
    where = options.get("where")
    where = sa.true() if where is None else where
    names, filled = " ".join(map(str, [*expressions, where])), {*columns}
    others = [each for each in target.table.c if each.name in names and each not in filled]
    rows = sa.select(stage, *map(_default, others)).subquery("rows")
    *keys, where = (replacement_traverse(each, {}, replace) for each in (*expressions, where))
    # A row that conflicts with no other row gets its number as another key. For a unique constraint two
    # NULLs are different, and for DISTINCT they are equal.
    whole = options.get("nulls_not_distinct") or sa.func.num_nulls(*keys) == 0
    keys.append(sa.case((sa.and_(where, whole), sa.null()), else_=rows.c[ORDINAL]))
    query = sa.select(*(rows.c[column.name] for column in columns))
    return query.ext(distinct_on(*keys)).order_by(*keys, rows.c[ORDINAL].desc())


def _default(column: sa.Column[Any]) -> sa.Label[Any]:
    """Return the value that the server gives to a column, if the rows do not."""
    return sa.cast(getattr(column.server_default, "arg", None), column.type).label(column.name)
