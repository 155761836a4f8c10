"""Insert rows by COPY and change rows by key. These rows never enter the session.

::

    written = await insert_rows(session, User, ({"email": line[0]} for line in csv.reader(file)))
    changed = await update_rows(session, User, [{"id": 1, "version": 3, "name": "Ada"}])

Rows are mappings by attribute name, or models. They may come from a generator or an async
generator. A call reads them in batches, so their number is not limited. All rows of a call have the
same keys. A call writes all rows or none, since it has its own savepoint. After an error the
transaction can continue, unless the connection is lost.

Models are only read. They do not get the values that the server fills in. A call refuses models
that have values in their relationships. Events of the mapper, cascades and validators (`@validates`)
do not run, so write a CHECK for what must hold. For entities use `Repository.add_many`.

`statement_timeout` is for one batch. `idle_in_transaction_session_timeout` is for the time that the
generator needs between two batches. Some rows go through a temporary table (see `staging.py` of the
dialect). One statement reads all rows of it, so `statement_timeout` must be long enough.
"""

from typing import Any

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..dialect import dialect
from ..errors import StaleData
from .batches import M, Rows, read_batches


async def insert_rows(session: AsyncSession, model: type[M], rows: Rows[M]) -> int:
    """Insert rows by COPY, the fastest way, and return how many.

    Python's defaults are applied to each row. The server's defaults fill the columns that the rows
    leave out. With row-level security, for defaults that are SQL, and for some types the rows are
    inserted by plain INSERTs. That is three times slower, and is logged once per call.

    Raises:
        TypeError: the model has no such column, or it has several tables.
        ValueError: a row has other keys than the first one.
        ConstraintViolation: a row breaks a constraint.
        DataException: a value does not fit its column.
    """
    async with session.begin_nested():  # this also begins the transaction on the server
        batches = await read_batches(session, model, rows)
        if batches is None:
            return 0
        columns = batches.columns
        await dialect.bulk_insert(batches.connection, batches.table, columns, batches)
        return batches.count


async def update_rows(session: AsyncSession, model: type[M], rows: Rows[M]) -> int:
    """Change rows by their primary keys, and return how many.

    Each row gives its whole key and its new values. If the model has a version, each row also gives
    the version that it expects. `updated_at` is set, and the version is increased. Entities in the
    session are not read again.

    Raises:
        StaleData: a row is gone, is hidden, has another version or another class, or was given twice.
        TypeError, ValueError, ConstraintViolation, DataException: as for `insert_rows`.
    """
    async with session.begin_nested():
        batches = await read_batches(session, model, rows, defaults=False)
        if batches is None:
            return 0
        mapper = model.__mapper__
        version = mapper.version_id_col
        # The class of a row is like a key: a row of another class may have columns in other tables.
        kinds = {each for each in batches.given if each is mapper.polymorphic_on}
        keys = {*mapper.primary_key, *kinds} | ({version} if version is not None else set())
        if missing := sorted(str(key) for key in keys - batches.given.keys()):
            raise ValueError(f"each row must give its {', '.join(missing)}")
        async with batches.staged() as stage:
            new: dict[Any, Any] = {
                each: stage.c[each.name] for each in batches.given if each not in keys
            }
            if version is not None:
                new[version] = version + 1
            if not new:
                raise ValueError("the rows give keys, but no new values")
            # An UPDATE through the session, so that the rules for hidden rows apply.
            result = await session.execute(
                update(model).where(*(key == stage.c[key.name] for key in keys)).values(new),
                execution_options={"synchronize_session": False},
            )
        assert isinstance(result, CursorResult)
        if result.rowcount != batches.count:
            raise StaleData(
                f"only {result.rowcount} of {batches.count} rows were found as expected"
            )
        return batches.count
