"""Write rows that never enter the session: by COPY, by key, and by INSERT … ON CONFLICT.

::

    written = await users.insert_rows({"email": line[0]} for line in csv.reader(file))
    changed = await users.update_rows([{"id": 1, "version": 3, "name": "Ada"}])
    await users.upsert_rows(rows, conflict_target=[User.email])
    await users.upsert_rows(rows, conflict_target="uq_users_email", update=[User.name])
    new = await users.insert_missing_rows(rows, conflict_target=[User.email])
    [ada, bob] = await users.get_or_add_rows(rows, conflict_target=[User.email])

Rows are mappings by attribute name, or models. They may come from a generator or an async
generator. A call reads them in batches, so their number is not limited. All rows of a call have the
same keys. A call writes all rows or none, since it has its own savepoint. After an error the
transaction can continue, unless the connection is lost.

Models are only read. They do not get the values that the server fills in. A call refuses models
that have values in their relationships. Events of the mapper, cascades and validators (`@validates`)
do not run, so write a CHECK for what must hold. For entities use `add_many`.

`statement_timeout` is for one batch. `idle_in_transaction_session_timeout` is for the time that the
generator needs between two batches. Some rows go through a temporary table (see `staging.py` of the
dialect). One statement reads all rows of it, so `statement_timeout` must be long enough.
"""

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from ..dialect import dialect
from ..errors import StaleData
from ..paging.page import Options
from .batches import Attributes, Rows, Values, expressions_of, next_version, read_batches
from .read import K, M, ReadRepository
from .upsert import ConflictTarget, existing_rows, upsert_statement


class RowRepository(ReadRepository[M, K]):
    """Read the rows of `model`, and write mappings. A method flushes first."""

    async def insert_rows(self, rows: Rows[M]) -> int:
        """Insert any number of rows by COPY, the fastest way, and return how many.

        Python's defaults are applied to each row. The server's defaults fill the columns that the
        rows leave out. With row-level security, for defaults that are SQL, and for some types the
        rows are inserted by plain INSERTs. That is three times slower, and is logged once per call.

        Raises:
            TypeError: the model has no such column, or it is not mapped to one table.
            ValueError: a row has other keys than the first one.
            ConstraintViolation: a row breaks a constraint.
            DataException: a value does not fit its column.
        """
        async with read_batches(self.session, self.model, rows) as batches:
            if batches is None:
                return 0
            await dialect.bulk_insert(batches.into, batches)
            return batches.count

    async def update_rows(self, rows: Rows[M]) -> int:
        """Change rows by their primary keys and expected versions, and return how many.

        Each row gives its whole key and its new values. If the model has a version, each row also
        gives the version that it expects. `updated_at` is set, and the version is increased.
        Entities in the session are not read again.

        Raises:
            StaleData: a row is gone, is hidden, has another version or another class, or was given
                twice.
            TypeError, ValueError, ConstraintViolation, DataException: as for `insert_rows`.
        """
        async with read_batches(self.session, self.model, rows, defaults=False) as batches:
            if batches is None:
                return 0
            mapper = self.model.__mapper__
            # The class of a row is like a key: a row of another class may have columns in other tables.
            kinds: set[Any] = {mapper.polymorphic_on} & batches.given.keys()
            keys: set[Any] = {*mapper.primary_key, mapper.version_id_col} - {None} | kinds
            if missing := sorted(str(key) for key in keys - batches.given.keys()):
                raise ValueError(f"each row must give its {', '.join(missing)}")
            async with dialect.staged(batches.into, batches, few=batches.few) as stage:
                others = [each for each in batches.given if each not in keys]
                new = next_version(self.model) | {each: stage.c[each.name] for each in others}
                if not new:
                    raise ValueError("the rows give keys, but no new values")
                found = sa.and_(*(key == stage.c[key.name] for key in keys))
                # An UPDATE through the session, so that the rules for hidden rows apply.
                statement = sa.update(self.model).execution_options(synchronize_session=False)
                result = await self.session.execute(statement.where(found).values(new))
            changed = cast("sa.CursorResult[Any]", result).rowcount
            if changed != batches.count:
                raise StaleData(f"only {changed} of {batches.count} rows were found as expected")
            return changed

    async def insert_missing_rows(
        self, rows: Rows[M], *, conflict_target: ConflictTarget = None
    ) -> int:
        """Insert the rows that do not exist yet. Return how many were inserted.

        It waits for another transaction that inserts the same row. An existing row is neither changed nor
        locked. The arguments, the order and the errors are those of `upsert_rows`.
        """
        return await self.upsert_rows(rows, conflict_target=conflict_target, update=())

    async def get_or_add_rows(
        self, rows: Rows[M], *, conflict_target: ConflictTarget = None, options: Options = ()
    ) -> Sequence[M]:
        """Insert the rows that do not exist yet. Return the entities of all rows, in their order.

        Rows with the same key have the same entity. An existing row is neither changed nor locked. An
        entity that the session has already is not read again. All entities are in memory.

        Args:
            conflict_target: as for `upsert_rows`. The rows give all values of the key.
            options: loader options, such as `selectinload(User.posts)`.

        Raises:
            StaleData: a row exists, but this repository cannot read it: it is hidden or of another class.
                Or its values do not find it, because one is NULL, or the server has changed it.
            TypeError, ValueError, ConstraintViolation, DataException: as for `upsert_rows`.
        """
        async with read_batches(self.session, self.model, rows) as batches:
            if batches is None:
                return []
            async with upsert_statement(batches, conflict_target, ()) as (statement, target, stage):
                query = existing_rows(batches, target, stage).options(*options)
                for _ in range(5):  # another transaction may delete a row between the two
                    await self.session.execute(statement)
                    found = (await self.session.execute(query)).unique().all()
                    if len(found) == batches.count:
                        return [entity for entity, _ in found]
            raise StaleData("some rows were not found again: they are hidden, or a key is NULL")

    async def upsert_rows(
        self, rows: Rows[M], *, conflict_target: ConflictTarget, update: Attributes | None = None
    ) -> int:
        """Insert rows, or change the rows with the same key. Return how many were inserted or changed.

        If several rows have the same key, the last one wins. Rows are written in the order of the
        key, so two such calls do not deadlock. Entities in the session are not read again.

        Args:
            conflict_target: the attributes of the primary key, or of a unique constraint or index,
                or its name. None is the primary key. A row exists already if it has the same values
                in them. A partial or functional index works too, if the model declares it.
            update: the attributes that an existing row gets. By default these are all attributes of
                the rows, except the conflict target and the primary key. `()` leaves the row as it
                is. Columns with an `onupdate` are set, and a version is increased but not checked.
                A class that shares the table of its parent changes only its own rows.

        Raises:
            ValueError: the conflict target names no unique constraint or index, or the rows do not
                give the values that it needs.
            TypeError, ValueError, ConstraintViolation, DataException: as for `insert_rows`.
        """
        async with read_batches(self.session, self.model, rows) as batches:
            if batches is None:
                return 0
            async with upsert_statement(batches, conflict_target, update) as (statement, *_):
                result = await self.session.execute(statement)
                return cast("sa.CursorResult[Any]", result).rowcount

    async def upsert(
        self, row: Values | M, *, conflict_target: ConflictTarget, update: Attributes | None = None
    ) -> M | None:
        """Insert a row, or change the row that exists already. Return the entity as it is now.

        The arguments and errors are those of `upsert_rows`. With `update=()` an existing row stays as it
        is, and the method returns None.
        """
        async with read_batches(self.session, self.model, [row]) as batches:
            assert batches is not None
            async with upsert_statement(batches, conflict_target, update) as (statement, *_):
                written = statement.returning(self.model).execution_options(populate_existing=True)
                entity = (await self.session.scalars(written)).one_or_none()
        if entity is not None and (expressions := expressions_of(self.model)):
            await self.session.refresh(entity, expressions)  # RETURNING has only columns
        return entity
