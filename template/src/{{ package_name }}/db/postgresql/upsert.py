"""INSERT … ON CONFLICT for rows that are staged."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    PrimaryKeyConstraint,
    Select,
    UniqueConstraint,
    case,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import Insert, distinct_on, insert
from sqlalchemy.sql.expression import FromClause
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from .staging import ORDINAL


def upsert_statement(
    into: Any,
    columns: Sequence[Column[Any]],
    stage: FromClause,
    target: PrimaryKeyConstraint | UniqueConstraint | Index,
    new_values: Callable[[Any], Mapping[Any, Any]] | None,
) -> Insert:
    """Return a statement that inserts staged rows, and changes the rows that exist already.

    Of staged rows with the same key the last one wins. Rows are written in the order of the key, so
    that two such statements do not wait for each other in a circle.

    Args:
        into: what `insert()` takes: a table, or a class that is mapped to it.
        columns: the columns of the stage.
        stage: the rows, as `staged` yields them.
        target: the constraint or index that says whether a row exists.
        new_values: takes the excluded row, returns what an existing row gets. None leaves it alone.
    """
    query = _last_of_each(columns, target, stage)
    statement = insert(into).from_select(list(columns), query)
    if new_values is None:
        return statement.on_conflict_do_nothing(constraint=target)
    return statement.on_conflict_do_update(constraint=target, set_=new_values(statement.excluded))


def _last_of_each(
    columns: Sequence[Column[Any]],
    target: PrimaryKeyConstraint | UniqueConstraint | Index,
    stage: FromClause,
) -> Select[Any]:
    """Select, of the rows with the same key, the last one; in the order of the key."""

    def replace(element: Any, **_: Any) -> Any:
        return stage.c[element.name] if isinstance(element, Column) else None

    expressions: list[Any] = [
        *(target.expressions if isinstance(target, Index) else target.columns)
    ]
    # A column that the rows do not fill has the server's default: the same for all of them.
    filled = {*columns}
    keys = [
        replacement_traverse(expression, {}, replace)
        for expression in expressions
        if filled.issuperset(each for each in iterate(expression) if isinstance(each, Column))
    ]
    nullable = any(getattr(expression, "nullable", True) for expression in expressions)
    if nullable and not target.dialect_options["postgresql"].get("nulls_not_distinct"):
        # NULL equals nothing, so such rows are no duplicates, but DISTINCT takes them for duplicates.
        keys.append(case((func.num_nulls(*keys) > 0, stage.c[ORDINAL])))
    query = select(*(stage.c[column.name] for column in columns))
    return query.ext(distinct_on(*keys)).order_by(*keys, stage.c[ORDINAL].desc())
