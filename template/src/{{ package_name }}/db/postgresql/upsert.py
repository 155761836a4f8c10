"""INSERT … ON CONFLICT for staged rows."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.sql.expression import FromClause
from sqlalchemy.sql.visitors import iterate, replacement_traverse

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


def _last_of_each(
    columns: Sequence[sa.Column[Any]],
    target: sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.Index,
    stage: FromClause,
) -> sa.Select[Any]:
    """Select the last one of the rows with the same key, in the order of the key."""

    def replace(element: Any, **_: Any) -> Any:
        return stage.c[element.name] if isinstance(element, sa.Column) else None

    expressions = [*getattr(target, "expressions", target.columns)]  # an index has expressions
    # A column that the rows do not fill has the server's default, which is the same for all rows.
    filled = {*columns}
    keys = [
        replacement_traverse(expression, {}, replace)
        for expression in expressions
        if filled.issuperset(each for each in iterate(expression) if isinstance(each, sa.Column))
    ]
    nullable = any(getattr(expression, "nullable", True) for expression in expressions)
    if nullable and not target.dialect_options["postgresql"].get("nulls_not_distinct"):
        # For a unique constraint two NULLs are different, and for DISTINCT they are equal. So a row
        # with a NULL in its key gets its number as another key.
        keys.append(sa.case((sa.func.num_nulls(*keys) > 0, stage.c[ORDINAL])))
    query = sa.select(*(stage.c[column.name] for column in columns))
    return query.ext(distinct_on(*keys)).order_by(*keys, stage.c[ORDINAL].desc())
