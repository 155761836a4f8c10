"""Many rows at once: COPY, and changes by key.

::

    written = await copy(session, User, ({"email": line[0]} for line in csv.reader(file)))
    changed = await update_many(session, User, [{"id": 1, "version": 3, "name": "Ada"}])

Rows are dicts by attribute name, or models; they may come from a generator or an async generator,
and are read in batches, so their number has no bound. All rows of a call have the same keys. Each
call is all or nothing, by a savepoint of its own: when it raises, nothing of it is written, and the
transaction can go on, unless the connection is lost.

Models are read and not added to the session: they do not get what the server fills in, and what
their relationships hold is refused. For entities, there is `Repository.add_many`. No events of the
mapper run, and no cascades.

`statement_timeout` counts for a batch, not for what the generator does between two of them; but
`idle_in_transaction_session_timeout` does. Where a temporary table stands between (see `staging.py`),
the statement that empties it is one, however many rows there are.
"""

import logging
from typing import Any

from sqlalchemy import CursorResult, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from .errors import StaleData
from .records import M, Records, Rows, read
from .staging import copy_into, staged

_logger = logging.getLogger(__name__)


async def copy(session: AsyncSession, model: type[M], rows: Rows[M]) -> int:
    """Insert rows by COPY, the fastest way, and return how many.

    Python's defaults are applied per row, and the server's where the rows leave a column out. Under
    row-level security, and for defaults that are SQL, the rows go through a temporary table; for
    types that are written by an SQL expression, and for defaults that want a context, through plain
    INSERTs, three times slower, which is logged once a call.

    Raises:
        TypeError: the model has no such column, or several tables.
        ValueError: a row has other keys than the first one.
        ConstraintViolation: a `UniqueViolation`, for example.
        DataException: a value does not fit its column.
    """
    async with session.begin_nested():  # and so the transaction is begun on the server
        records = await read(session, model, rows)
        if records is None:
            return 0
        connection, table, columns = records.connection, records.table, records.columns
        if records.obstacle:
            _logger.info("no COPY into %s: %s", table, records.obstacle)
            names = [column.key for column in columns]
            async for values in records:
                await connection.execute(
                    insert(table),
                    [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)],
                )
        elif records.expressions or await _has_row_security(records):
            async with staged(records) as stage:
                source = select(*(stage.c[column.name] for column in columns))
                await connection.execute(insert(table).from_select(columns, source))
        else:
            names = [column.name for column in columns]
            async for values in records:
                await copy_into(
                    connection, table.name, table.schema, names, records.processed(values)
                )
        return records.count


async def update_many(session: AsyncSession, model: type[M], rows: Rows[M]) -> int:
    """Change rows by their primary keys, and return how many.

    Each row has the whole key and the new values, and the version that it expects where the model
    has one. `updated_at` is set, the version increased. Entities that the session knows are not
    read anew.

    Raises:
        StaleData: some row is gone, hidden, has another version, or was given twice.
        TypeError, ValueError, ConstraintViolation, DataException: as for `copy`.
    """
    async with session.begin_nested():
        records = await read(session, model, rows, defaults=False)
        if records is None:
            return 0
        if records.obstacle:
            raise TypeError(f"{records.obstacle}: change such rows one by one")
        mapper = model.__mapper__
        version = mapper.version_id_col
        keys = {*mapper.primary_key} | ({version} if version is not None else set())
        if missing := sorted(str(key) for key in keys - records.given.keys()):
            raise ValueError(f"each row must give its {', '.join(missing)}")
        async with staged(records) as stage:
            new: dict[Any, Any] = {
                each: stage.c[each.name] for each in records.given if each not in keys
            }
            if version is not None:
                new[version] = version + 1
            # Upon the model and through the session, so that its rules for hidden rows hold.
            result = await session.execute(
                update(model).where(*(key == stage.c[key.name] for key in keys)).values(new),
                execution_options={"synchronize_session": False},
            )
        assert isinstance(result, CursorResult)
        if result.rowcount != records.count:
            raise StaleData(
                f"only {result.rowcount} of {records.count} rows were found as expected"
            )
        return records.count


async def _has_row_security(records: Records[M]) -> bool:
    name = records.connection.dialect.identifier_preparer.format_table(records.table)
    return bool(await records.connection.scalar(select(func.row_security_active(name))))
