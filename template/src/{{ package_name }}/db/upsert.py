"""Insert rows, or change those that are there already: INSERT … ON CONFLICT.

::

    await upsert(session, User, rows, conflict=[User.email])
    await upsert(session, User, rows, conflict="uq_users_email", update=[User.name])

As in `bulk.py`, rows are dicts or models from whatever yields them, all with the same keys, and a
call is all or nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

from sqlalchemy import (
    Column,
    ColumnDefault,
    CursorResult,
    FromClause,
    Index,
    PrimaryKeyConstraint,
    Select,
    UniqueConstraint,
    case,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from .records import M, Records, Rows, read
from .staging import ORDINAL, staged

Attributes = Iterable[QueryableAttribute[Any] | str]
Target = PrimaryKeyConstraint | UniqueConstraint | Index


@overload
async def upsert(
    session: AsyncSession,
    model: type[M],
    rows: Rows[M],
    *,
    conflict: str | Attributes,
    update: Attributes | None = None,
    returning: Literal[False] = False,
) -> int: ...
@overload
async def upsert(
    session: AsyncSession,
    model: type[M],
    rows: Rows[M],
    *,
    conflict: str | Attributes,
    update: Attributes | None = None,
    returning: Literal[True],
) -> Sequence[M]: ...
async def upsert(
    session: AsyncSession,
    model: type[M],
    rows: Rows[M],
    *,
    conflict: str | Attributes,
    update: Attributes | None = None,
    returning: bool = False,
) -> int | Sequence[M]:
    """Insert rows; where one with the same key exists, change that one.

    Of rows with the same key the last one wins. Rows are written in the order of the key, so that
    two such calls do not wait for each other in a circle.

    Args:
        conflict: what says that a row exists: the attributes of the primary key or of a unique
            constraint or index, or its name. Of a partial or functional index, too: its predicate
            is found in the model, so it must be declared there.
        update: the attributes to overwrite then; by default all that the rows give, except the
            conflict's and the primary key. None at all, `()`, leaves the row as it is. What has an
            `onupdate` is set by it, and a version is increased; neither is checked.
        returning: return entities, as they are now; without, how many were inserted or changed.
            Rows that were left as they are are not among them.

    Raises:
        ValueError: no unique constraint or index is meant, or the rows do not give what it needs.
        TypeError, ValueError, ConstraintViolation, DataException: as for `copy`.
    """
    async with session.begin_nested():
        records = await read(session, model, rows)
        if records is None:
            return [] if returning else 0
        if records.obstacle:
            raise TypeError(f"{records.obstacle}: write such rows one by one")
        target = _find_target(records, conflict)
        overwritten = _find_overwritten(records, target, update)
        async with staged(records) as stage:
            query = _last_of_each(records, target, stage)
            statement = insert(model).from_select(records.columns, query)
            if overwritten:
                new = _new_values(records, statement.excluded, overwritten)
                statement = statement.on_conflict_do_update(constraint=target, set_=new)
            else:
                statement = statement.on_conflict_do_nothing(constraint=target)
            if returning:
                found = await session.scalars(
                    statement.returning(model), execution_options={"populate_existing": True}
                )
                return found.all()
            result = await session.execute(statement)
            assert isinstance(result, CursorResult)
            return result.rowcount


def _find_target(records: Records[M], conflict: str | Attributes) -> Target:
    """Return the constraint or index that is meant by its name or its columns."""
    targets: list[Target] = [
        each
        for each in (*records.table.constraints, *records.table.indexes)
        if isinstance(each, PrimaryKeyConstraint | UniqueConstraint)
        or (isinstance(each, Index) and each.unique)
    ]
    if isinstance(conflict, str):
        found = [each for each in targets if each.name == conflict]
    else:
        wanted = {*records.columns_of(_names(conflict))}
        found = [each for each in targets if {*_expressions(each)} == wanted]
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} unique constraints or indexes of {records.table} are meant by `conflict`, "
            "not one: give its columns, or its name"
        )
    if not records.given.keys() & {*found[0].columns}:
        raise ValueError(f"the rows give no column of {found[0].name}, so none of them can exist")
    return found[0]


def _find_overwritten(
    records: Records[M], target: Target, update: Attributes | None
) -> set[Column[Any]]:
    if update is None:
        return {*records.given} - {*target.columns} - {*records.table.primary_key}
    named = {*records.columns_of(_names(update))}
    if missing := sorted(str(column) for column in named - records.given.keys()):
        raise ValueError(f"the rows do not give {', '.join(missing)}, which they are to overwrite")
    return named


def _last_of_each(records: Records[M], target: Target, stage: FromClause) -> Select[Any]:
    """Select the rows to write: of those with the same key the last one, in the order of the key."""

    def replace(element: Any, **_: Any) -> Any:
        return stage.c[element.name] if isinstance(element, Column) else None

    # A column that the rows do not fill has the server's default: the same for all of them.
    filled = {*records.columns}
    keys = [
        replacement_traverse(expression, {}, replace)
        for expression in _expressions(target)
        if filled.issuperset(each for each in iterate(expression) if isinstance(each, Column))
    ]
    nullable = any(getattr(expression, "nullable", True) for expression in _expressions(target))
    if nullable and not target.dialect_options["postgresql"].get("nulls_not_distinct"):
        # NULL equals nothing: such rows are no duplicates, though DISTINCT takes them for that.
        keys.append(case((func.num_nulls(*keys) > 0, stage.c[ORDINAL])))
    query = select(*(stage.c[column.name] for column in records.columns))
    return query.ext(distinct_on(*keys)).order_by(*keys, stage.c[ORDINAL].desc())


def _new_values(
    records: Records[M], excluded: Any, overwritten: set[Column[Any]]
) -> dict[Column[Any], Any]:
    new = {column: excluded[column.key] for column in overwritten}
    for column in {*records.table.columns} - overwritten:
        onupdate = column.onupdate  # which ON CONFLICT leaves out
        if isinstance(onupdate, ColumnDefault):
            value: Any = onupdate.arg
            new[column] = value(None) if onupdate.is_callable else value
    version = records.model.__mapper__.version_id_col
    if isinstance(version, Column):
        new[version] = version + 1
    return new


def _names(attributes: Attributes) -> list[str]:
    return [each if isinstance(each, str) else each.key for each in attributes]


def _expressions(target: Target) -> list[Any]:
    return [*(target.expressions if isinstance(target, Index) else target.columns)]
