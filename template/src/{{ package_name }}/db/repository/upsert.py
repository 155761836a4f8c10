"""The INSERT … ON CONFLICT of a model: when a row exists already, and which values it then gets."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.visitors import replacement_traverse

from ..dialect import dialect
from .batches import Attributes, Batches, M, columns_of, next_version

ConflictTarget = str | Attributes | None
"""Attributes, the name of a constraint or an index, or None for the primary key."""

_SORTED = re.compile(r" (ASC|DESC|NULLS (FIRST|LAST))$", re.IGNORECASE)

Target = sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.Index


@asynccontextmanager
async def upsert_statement(
    batches: Batches[M], conflict_target: ConflictTarget, update: Attributes | None
) -> AsyncIterator[tuple[sa.Insert, Target, sa.FromClause]]:
    """Stage the rows. Yield the statement that writes them, the constraint or index, and the stage.

    `rows.py` describes the arguments.
    """
    for column in {*batches.table.columns} - {*batches.columns}:
        if column.default is not None and column.default.is_callable:
            raise TypeError(f"the default of {column} needs its row: write rows one by one")
    target = _find_target(batches, conflict_target)
    overwritten = _find_overwritten(batches, target, update)
    own = batches.model.__mapper__._single_table_criterion  # private: no rows of other classes
    async with dialect.staged(batches.into, batches, few=batches.few) as stage:
        rows = dialect.last_of_each(batches.columns, target, stage)
        statement = dialect.insert(batches.model).from_select(batches.columns, rows)
        conflict = dialect.conflict_arguments(target)
        if overwritten:
            new = _new_values(batches, overwritten, statement.excluded)
            yield statement.on_conflict_do_update(**conflict, set_=new, where=own), target, stage
        else:
            yield statement.on_conflict_do_nothing(**conflict), target, stage


def existing_rows(batches: Batches[M], target: Target, stage: sa.FromClause) -> sa.Select[M, int]:
    """Return the query of the rows that have the keys of staged rows, and of the number of each row.

    Raises:
        ValueError: the rows do not give all values of the key.
    """
    if not {*target.columns} <= {*batches.columns}:
        raise ValueError(f"the rows must give all values of {target.name}, to be found by it")

    def staged(element: Any, **_: Any) -> Any:
        return stage.c[element.name] if isinstance(element, sa.Column) else None

    keys: list[Any] = [*getattr(target, "expressions", target.columns)]
    keys = [sa.literal_column(str(k)) if isinstance(k, sa.TextClause) else k for k in keys]
    # Text in an index names columns without their table. So the rows have other names, and loader options
    # join other tables outside of this subquery.
    own = [replacement_traverse(key, {}, staged).label(f"key {n}") for n, key in enumerate(keys)]
    number, *values = sa.select(stage.c[dialect.ORDINAL], *own).subquery("staged rows").c
    same = [key == value for key, value in zip(keys, values, strict=True)]
    where = target.dialect_options[dialect.SQL_DIALECT.name].get("where")
    own_key = batches.model.__mapper__.primary_key
    found = sa.select(number, *own_key).where(*same, sa.true() if where is None else where)
    number, *values = found.subquery("found rows").c
    same = [key == value for key, value in zip(own_key, values, strict=True)]
    return sa.select(batches.model, number).where(*same).order_by(number)


def _find_target(batches: Batches[M], conflict_target: ConflictTarget) -> Target:
    """Return the constraint or index of a conflict target."""
    targets: list[Target] = [each for each in batches.table.indexes if each.unique]
    targets += [each for each in batches.table.constraints if isinstance(each, Target)]
    if conflict_target is None:
        found: list[Target] = [batches.table.primary_key]
    elif isinstance(conflict_target, str):
        found = [each for each in targets if each.name == conflict_target]
    else:
        wanted = {*columns_of(batches.model, conflict_target)}
        found = [t for t in targets if {*getattr(t, "expressions", t.columns)} == wanted]
    if len(found) != 1:
        names = ", ".join(sorted(str(each.name) for each in targets))
        means = f"conflict_target means {len(found)} unique constraints of {batches.table}, not one"
        raise ValueError(f"{means}: give the columns or the name of one of {names}")
    if any(_SORTED.search(str(each)) for each in getattr(found[0], "expressions", ())):
        raise ValueError(f"ON CONFLICT cannot use {found[0].name}: create it without DESC or NULLS")
    # An index has no columns if its expressions are text.
    if found[0].columns and not batches.given.keys() & {*found[0].columns}:
        raise ValueError(f"the rows give no column of {found[0].name}, so none can exist already")
    return found[0]


def _find_overwritten(batches: Batches[M], target: Target, update: Attributes | None) -> set[Any]:
    if update is None:
        kind: set[Any] = {batches.model.__mapper__.polymorphic_on}  # a row keeps its class
        return {*batches.given} - {*target.columns} - {*batches.table.primary_key} - kind
    named = {*columns_of(batches.model, update)}
    if missing := sorted(str(column) for column in named - batches.given.keys()):
        raise ValueError(f"update names {', '.join(missing)}, but the rows do not give it")
    return named


def _new_values(batches: Batches[M], named: set[Any], excluded: Any) -> dict[Any, Any]:
    """Return the values of the rows, and those that follow a change. ON CONFLICT does not apply these."""
    new: dict[Any, Any] = {each: excluded[each.key] for each in named}
    for column in {*batches.table.columns} - named:
        if isinstance(onupdate := column.onupdate, sa.ColumnDefault):
            value: Any = onupdate.arg
            new[column] = value(None) if onupdate.is_callable else value
    return new | next_version(batches.model)
