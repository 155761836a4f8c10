"""Insert rows, or change the rows that exist already: INSERT … ON CONFLICT.

::

    await upsert_rows(session, User, rows, conflict_target=[User.email])
    await upsert_rows(session, User, rows, conflict_target="uq_users_email", update=[User.name])

As in `rows.py`, rows are mappings or models from any iterable, and all have the same keys. A call
writes all rows or none. Events and validators (`@validates`) do not run.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute

from ..dialect import dialect
from .batches import Batches, M, Rows, columns_of, read_batches

Attributes = Iterable[QueryableAttribute[Any] | str]
ConflictTarget = str | Attributes
Target = sa.PrimaryKeyConstraint | sa.UniqueConstraint | sa.Index


async def upsert_rows(
    session: AsyncSession,
    model: type[M],
    rows: Rows[M],
    *,
    conflict_target: ConflictTarget,
    update: Attributes | None = None,
) -> int:
    """Insert rows, or change the rows with the same key. Return how many were inserted or changed.

    If several rows have the same key, the last one wins. Rows are written in the order of the key,
    so two such calls do not deadlock.

    Args:
        conflict_target: the attributes of the primary key, or of a unique constraint or index, or
            its name. A row exists already if it has the same values in them. A partial or
            functional index works too, if the model declares it.
        update: the attributes that an existing row gets. By default these are all attributes of the
            rows, except the conflict target and the primary key. `()` leaves the row as it is.
            Columns with an `onupdate` are set, and a version is increased but not checked. A class
            that shares the table of its parent changes only its own rows.

    Raises:
        ValueError: the conflict target names no unique constraint or index, or the rows do not give
            the values that it needs.
        TypeError, ValueError, ConstraintViolation, DataException: as for `insert_rows`.
    """
    async with _statement(session, model, rows, conflict_target, update) as statement:
        if statement is None:
            return 0
        result = await session.execute(statement)
        assert isinstance(result, sa.CursorResult)
        return result.rowcount


async def upsert_entities(
    session: AsyncSession,
    model: type[M],
    rows: Rows[M],
    *,
    conflict_target: ConflictTarget,
    update: Attributes | None = None,
) -> Sequence[M]:
    """Do the same as `upsert_rows`, and return the entities as they are now.

    With `update=()`, entities that existed already are left out.
    """
    async with _statement(session, model, rows, conflict_target, update) as statement:
        if statement is None:
            return []
        returning = statement.returning(model)
        found = await session.scalars(returning, execution_options={"populate_existing": True})
        entities = found.all()
        columns = model.__mapper__.column_attrs
        expressions = [each.key for each in columns if not isinstance(each.columns[0], sa.Column)]
        for each in entities if expressions else ():  # RETURNING has only columns
            await session.refresh(each, expressions)
        return entities


@asynccontextmanager
async def _statement(
    session: AsyncSession,
    model: type[M],
    rows: Rows[M],
    conflict_target: ConflictTarget,
    update: Attributes | None,
) -> AsyncIterator[sa.Insert | None]:
    """Stage the rows, and yield the statement that writes them, or None if there are no rows."""
    async with session.begin_nested():
        batches = await read_batches(session, model, rows)
        if batches is None:
            yield None
            return
        for column in {*batches.table.columns} - {*batches.columns}:
            if column.default is not None and column.default.is_callable:
                raise TypeError(f"the default of {column} needs its row: write rows one by one")
        target = _find_target(batches, conflict_target)
        overwritten = _find_overwritten(batches, target, update)

        def new_values(excluded: Any) -> dict[sa.Column[Any], Any]:
            return _new_values(batches, excluded, overwritten)

        async with batches.staged() as stage:
            new = new_values if overwritten else None
            own = model.__mapper__._single_table_criterion  # private: no rows of other classes
            yield dialect.upsert_statement(model, batches.columns, stage, target, new, own)


def _find_target(batches: Batches[M], conflict_target: ConflictTarget) -> Target:
    """Return the constraint or index of a conflict target."""
    targets: list[Target] = [
        each
        for each in (*batches.table.constraints, *batches.table.indexes)
        if isinstance(each, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
        or (isinstance(each, sa.Index) and each.unique)
    ]
    if isinstance(conflict_target, str):
        found = [each for each in targets if each.name == conflict_target]
    else:
        wanted = {*columns_of(batches.model, _names(conflict_target))}
        found = [each for each in targets if {*_expressions(each)} == wanted]
    if len(found) != 1:
        names = ", ".join(sorted(str(each.name) for each in targets))
        raise ValueError(
            f"conflict_target means {len(found)} unique constraints or indexes of {batches.table}, "
            f"not one: give the columns or the name of one of {names}"
        )
    if not batches.given.keys() & {*found[0].columns}:
        raise ValueError(
            f"the rows give no column of {found[0].name}, so none of them can exist already"
        )
    return found[0]


def _expressions(target: Target) -> list[Any]:
    return [*(target.expressions if isinstance(target, sa.Index) else target.columns)]


def _find_overwritten(
    batches: Batches[M], target: Target, update: Attributes | None
) -> set[sa.Column[Any]]:
    if update is None:
        kind = {batches.model.__mapper__.polymorphic_on}  # a row never changes its class
        return {*batches.given} - {*target.columns} - {*batches.table.primary_key} - kind
    named = {*columns_of(batches.model, _names(update))}
    if missing := sorted(str(column) for column in named - batches.given.keys()):
        raise ValueError(f"update names {', '.join(missing)}, but the rows do not give it")
    return named


def _new_values(
    batches: Batches[M], excluded: Any, overwritten: set[sa.Column[Any]]
) -> dict[sa.Column[Any], Any]:
    new = {column: excluded[column.key] for column in overwritten}
    for column in {*batches.table.columns} - overwritten:
        onupdate = column.onupdate  # ON CONFLICT does not apply it
        if isinstance(onupdate, sa.ColumnDefault):
            value: Any = onupdate.arg
            new[column] = value(None) if onupdate.is_callable else value
    version = batches.model.__mapper__.version_id_col
    if isinstance(version, sa.Column):
        new[version] = version + 1
    return new


def _names(attributes: Attributes) -> list[str]:
    return [each if isinstance(each, str) else each.key for each in attributes]
