"""INSERT … ON CONFLICT for staged rows."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
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

    If several staged rows have the same key, the last one wins.
    """

    def staged(element: Any, **_: Any) -> Any:
        return stage.c.get(element.name) if isinstance(element, sa.Column) else None

    elements: list[Any] = [
        *(target.expressions if isinstance(target, sa.Index) else target.columns)
    ]
    keys = [replacement_traverse(each, {}, staged) for each in elements]
    # NULL equals nothing, so a row with NULL is in no group with another row.
    group = [*keys, sa.case((sa.or_(*(key.is_(None) for key in keys)), stage.c[ORDINAL]))]
    number = sa.func.row_number().over(partition_by=group, order_by=stage.c[ORDINAL].desc())
    rows = sa.select(stage, number.label("place")).subquery()
    # Without the WHERE, SQLite would read ON CONFLICT as the ON of a join.
    query = sa.select(*(rows.c[each.name] for each in columns)).where(rows.c.place == 1)
    statement = insert(into).from_select(list(columns), query)
    partial = target.dialect_options["sqlite"]["where"] if isinstance(target, sa.Index) else None
    if not overwritten:
        return statement.on_conflict_do_nothing(index_elements=elements, index_where=partial)
    new = {each: statement.excluded[each.key] for each in overwritten} | changes
    return statement.on_conflict_do_update(
        index_elements=elements,
        index_where=partial,
        set_=new,
        where=where,
    )
