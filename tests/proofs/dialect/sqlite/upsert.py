"""Parts of an INSERT … ON CONFLICT for staged rows."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.visitors import replacement_traverse

from .staging import ORDINAL

insert = sqlite.insert
"""The INSERT that has `on_conflict_do_update`."""


def conflict_arguments(target: Any) -> dict[str, Any]:
    """Return the arguments of `on_conflict_do_update` that name a constraint or index."""
    if isinstance(target, sa.Index):
        where = target.dialect_options["sqlite"]["where"]
        return {"index_elements": [*target.expressions], "index_where": where}
    return {"index_elements": [*target.columns]}


def last_of_each(columns: Sequence[sa.Column[Any]], target: Any, stage: sa.FromClause) -> Any:
    """Return a query of the last one of the staged rows with the same key."""

    def staged(element: Any, **_: Any) -> Any:
        return stage.c.get(element.name) if isinstance(element, sa.Column) else None

    elements: list[Any] = conflict_arguments(target)["index_elements"]
    keys = [replacement_traverse(each, {}, staged) for each in elements]
    # NULL equals nothing, so a row with NULL is in no group with another row.
    group = [*keys, sa.case((sa.or_(*(key.is_(None) for key in keys)), stage.c[ORDINAL]))]
    number = sa.func.row_number().over(partition_by=group, order_by=stage.c[ORDINAL].desc())
    rows = sa.select(stage, number.label("place")).subquery()
    # Without the WHERE, SQLite would read ON CONFLICT as the ON of a join.
    return sa.select(*(rows.c[each.name] for each in columns)).where(rows.c.place == 1)
