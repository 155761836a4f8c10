"""A collection of rows of one model, as the domain sees it.

::

    class UserRepository(Repository[User, uuid.UUID]):
        model = User

        async def by_email(self, email: str) -> User | None:
            return await self.get_one_or_none(User.email == email)

What changes rows flushes, so that the database's answer (a violated constraint, a value of the
server) is there when the method returns. Nothing here commits: that is the unit of work's.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, cast

from sqlalchemy import ColumnExpressionArgument, CursorResult, delete

from .bulk import copy, update_many
from .errors import UnitOfWorkError
from .read_repository import K, M, ReadRepository
from .records import Row, Rows
from .translation import translated
from .unset import UNSET
from .upsert import Attributes, upsert

# PostgreSQL takes at most 32767 parameters in a statement.
_KEYS_IN_A_STATEMENT = 5000


class Repository(ReadRepository[M, K]):
    """The rows of `model`, to be read (see `ReadRepository`) and changed."""

    async def add(self, entity: M) -> M:
        """Insert a row; the entity then has its key and what the server filled in.

        Raises:
            ConstraintViolation: a `UniqueViolation`, for example. The transaction cannot go on
                then, unless `add` ran in a savepoint.
        """
        self.session.add(entity)
        await self._flush()
        return entity

    async def add_many(self, entities: Iterable[M]) -> Sequence[M]:
        """Insert rows, all or none; rows with the same attributes given share a statement."""
        added = list(entities)
        self.session.add_all(added)
        await self._flush()
        return added

    async def copy(self, rows: Rows[M]) -> int:
        """Insert any number of rows by COPY, in this transaction, and return how many; see `bulk.py`.

        Nothing of it is in the session: for entities with their keys, use `add_many`.
        """
        await self._flush()
        return await copy(self.session, self.model, rows)

    async def upsert(
        self,
        row: Row | M,
        *,
        conflict: str | Attributes,
        update: Attributes | None = None,
    ) -> M | None:
        """Insert a row, or change the one that is there already, and return it; see `upsert.py`.

        With `update=()` a row that is there is left alone, and None is returned.
        """
        await self._flush()
        written = await upsert(
            self.session, self.model, [row], conflict=conflict, update=update, returning=True
        )
        return written[0] if written else None

    async def upsert_many(
        self,
        rows: Rows[M],
        *,
        conflict: str | Attributes,
        update: Attributes | None = None,
    ) -> int:
        """Insert rows, or change those that are there already, and return how many; see `upsert.py`.

        Entities that the session knows are not read anew.
        """
        await self._flush()
        return await upsert(self.session, self.model, rows, conflict=conflict, update=update)

    async def update_many(self, rows: Rows[M]) -> int:
        """Change rows by their primary keys and expected versions; see `bulk.py`."""
        await self._flush()
        return await update_many(self.session, self.model, rows)

    async def update(self, entity: M, /, **values: object) -> M:
        """Set attributes of a row and write what differs.

        Args:
            entity: a row of this session.
            values: the new values by attribute name; what is not named, or is `UNSET`, stays.

        Raises:
            TypeError: the model has no such attribute.
            UnitOfWorkError: the row is not of this session, so nothing would be written.
            ConstraintViolation: as for `add`.
            StaleData: the row is gone, or its version is another.
        """
        if entity not in self.session:
            raise UnitOfWorkError(f"{entity!r} belongs to another unit of work, or to none yet")
        unknown = sorted(values.keys() - self.model.__mapper__.all_orm_descriptors.keys())
        if unknown:
            raise TypeError(f"{self.model.__name__} has no attribute {', '.join(unknown)}")
        for name, value in values.items():
            if value is not UNSET:
                setattr(entity, name, value)
        await self._flush()
        return entity

    async def delete(self, entity: M) -> None:
        """Delete a row, and what its relationships and foreign keys delete with it.

        Raises:
            ForeignKeyViolation: other rows still need it.
            StaleData: its version is another; without a version column, a row that is gone already
                is no error.
        """
        await self.session.delete(entity)
        await self._flush()

    async def delete_many(self, keys: Iterable[K]) -> int:
        """Delete the rows with these primary keys and return how many there were.

        The foreign keys delete what belongs to them, not the relationships: see `delete_where`.
        """
        remaining, deleted = iter(keys), 0
        while batch := list(islice(remaining, _KEYS_IN_A_STATEMENT)):
            deleted += await self.delete_where(self._has_key(batch))
        return deleted

    async def delete_where(self, *criteria: ColumnExpressionArgument[bool]) -> int:
        """Delete the rows that fit all criteria, in one statement, and return how many there were.

        Rows that the session knows are taken out of it. Cascades of relationships do not apply;
        those of foreign keys do.

        Raises:
            TypeError: no criteria were given; to delete all rows say `true()`.
            ForeignKeyViolation: other rows still need one.
        """
        if not criteria:
            raise TypeError("delete_where needs criteria; to delete all rows say true()")
        result = await self.session.execute(delete(self.model).where(*criteria))
        return cast("CursorResult[Any]", result).rowcount

    async def _flush(self) -> None:
        with translated():
            await self.session.flush()
