"""The INSERT … ON CONFLICT of a model: when a row exists already, and which values it then gets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa

from ..dialect import dialect
from .batches import Attributes, Batches, M, columns_of, next_version

ConflictTarget = str | Attributes
Target = sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.Index


@asynccontextmanager
async def upsert_statement(
    batches: Batches[M], conflict_target: ConflictTarget, update: Attributes | None
) -> AsyncIterator[sa.Insert]:
    """Stage the rows, and yield the statement that writes them. `rows.py` describes the arguments."""
    for column in {*batches.table.columns} - {*batches.columns}:
        if column.default is not None and column.default.is_callable:
            raise TypeError(f"the default of {column} needs its row: write rows one by one")
    target = _find_target(batches, conflict_target)
    overwritten = _find_overwritten(batches, target, update)
    changes = _changes(batches, overwritten)
    own = batches.model.__mapper__._single_table_criterion  # private: no rows of other classes
    async with batches.staged() as stage:
        yield dialect.upsert_statement(
            batches.model, batches.columns, stage, target, overwritten, changes, own
        )


def _find_target(batches: Batches[M], conflict_target: ConflictTarget) -> Target:
    """Return the constraint or index of a conflict target."""
    targets: list[Target] = [each for each in batches.table.indexes if each.unique]
    targets += [each for each in batches.table.constraints if isinstance(each, Target)]
    if isinstance(conflict_target, str):
        found = [each for each in targets if each.name == conflict_target]
    else:
        wanted = {*columns_of(batches.model, conflict_target)}
        found = [t for t in targets if {*getattr(t, "expressions", t.columns)} == wanted]
    if len(found) != 1:
        names = ", ".join(sorted(str(each.name) for each in targets))
        raise ValueError(
            f"conflict_target means {len(found)} unique constraints or indexes of {batches.table}, "
            f"not one: give the columns or the name of one of {names}"
        )
    # An index has no columns if its expressions are text.
    if found[0].columns and not batches.given.keys() & {*found[0].columns}:
        raise ValueError(
            f"the rows give no column of {found[0].name}, so none of them can exist already"
        )
    return found[0]


def _find_overwritten(
    batches: Batches[M], target: Target, update: Attributes | None
) -> set[sa.Column[Any]]:
    if update is None:
        kind: set[Any] = {batches.model.__mapper__.polymorphic_on}  # a row keeps its class
        return {*batches.given} - {*target.columns} - {*batches.table.primary_key} - kind
    named = {*columns_of(batches.model, update)}
    if missing := sorted(str(column) for column in named - batches.given.keys()):
        raise ValueError(f"update names {', '.join(missing)}, but the rows do not give it")
    return named


def _changes(batches: Batches[M], overwritten: set[sa.Column[Any]]) -> dict[Any, Any]:
    """Return the values that follow a change. ON CONFLICT does not apply them."""
    changes: dict[Any, Any] = {}
    for column in {*batches.table.columns} - overwritten:
        onupdate = column.onupdate
        if isinstance(onupdate, sa.ColumnDefault):
            value: Any = onupdate.arg
            changes[column] = value(None) if onupdate.is_callable else value
    return changes | next_version(batches.model)
