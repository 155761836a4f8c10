"""A collection of rows of one model, as the domain sees it.

::

    class UserRepository(Repository[User, uuid.UUID]):
        model = User

        async def by_email(self, email: str) -> User | None:
            return await self.get_one_or_none(User.email == email)

The names are those of SQLAlchemy's session: `get` returns None where there is no row, `get_one`
raises. What changes rows flushes, so that the database's answer (a violated constraint, a value of
the server) is there when the method returns. Nothing here commits: that is the unit of work's.

Criteria are SQLAlchemy expressions, so values are always bound parameters. For a query that no
method offers, write one on a repository of your own, with `self.session` and `select()`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnExpressionArgument, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm.interfaces import ORMOption

from .errors import MultipleFound, NotFound, UnitOfWorkError
from .pagination import Page, paginate
from .translation import translated

M = TypeVar("M", bound=DeclarativeBase)
K = TypeVar("K")


class Repository(Generic[M, K]):
    """The rows of `model`, whose primary key is a `K`: a tuple in the mapper's order if composite.

    Args:
        session: the session of the unit of work.
    """

    model: type[M]

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

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

    async def get(
        self, key: K, *, load: Sequence[ORMOption] = (), with_for_update: bool = False
    ) -> M | None:
        """Return the row with this primary key, or None.

        A row that the session knows already costs no query, and is returned as it was read.

        Args:
            key: the primary key.
            load: loader options, such as `selectinload(User.posts)`.
            with_for_update: lock the row until the transaction ends, and read it anew.
        """
        if load and not with_for_update:
            # The session would return a row that it knows as it is, without what is to be loaded.
            columns = self.model.__mapper__.primary_key
            values = key if isinstance(key, tuple) else (key,)
            criteria = (column == value for column, value in zip(columns, values, strict=True))
            return await self.get_one_or_none(*criteria, load=load)
        return await self.session.get(
            self.model,
            key,
            options=load,
            with_for_update=with_for_update or None,
            # Or a row that was read before would be locked, and its old values kept: a lost update.
            populate_existing=with_for_update,
        )

    async def get_one(
        self, key: K, *, load: Sequence[ORMOption] = (), with_for_update: bool = False
    ) -> M:
        """Return the row with this primary key; see `get`.

        Raises:
            NotFound: there is none.
        """
        entity = await self.get(key, load=load, with_for_update=with_for_update)
        if entity is None:
            raise NotFound(f"there is no {self.model.__name__} with this key")
        return entity

    async def get_one_or_none(
        self, *criteria: ColumnExpressionArgument[bool], load: Sequence[ORMOption] = ()
    ) -> M | None:
        """Return the only row that fits, or None.

        Raises:
            MultipleFound: several rows fit.
        """
        statement = self._select(*criteria).options(*load).limit(2)
        found = (await self.session.scalars(statement)).all()
        if len(found) > 1:
            raise MultipleFound(f"several rows of {self.model.__name__} fit, not one")
        return found[0] if found else None

    async def get_many(
        self,
        *criteria: ColumnExpressionArgument[bool],
        order_by: Sequence[ColumnExpressionArgument[object]] = (),
        limit: int | None = None,
        offset: int | None = None,
        load: Sequence[ORMOption] = (),
        with_for_update: bool = False,
    ) -> Sequence[M]:
        """Return the rows that fit all criteria, in memory at once.

        Args:
            order_by: columns or `column.desc()`; without it the order is any.
            limit: how many rows at most; give one whenever their number has no bound.
            offset: how many rows to pass over. The server reads them all the same.
            load: loader options, such as `selectinload(User.posts)`.
            with_for_update: lock the rows until the transaction ends, and read them anew. Locks are
                taken in the order of the result: give `order_by`, or two such calls may deadlock.
        """
        statement = (
            self._select(*criteria).order_by(*order_by).limit(limit).offset(offset).options(*load)
        )
        if with_for_update:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(statement)).all()

    async def paginate(
        self,
        *criteria: ColumnExpressionArgument[bool],
        order_by: Sequence[ColumnExpressionArgument[Any]],
        limit: int,
        cursor: str | None = None,
        load: Sequence[ORMOption] = (),
    ) -> Page[M]:
        """Return the page of the rows that fit all criteria that begins at a cursor.

        As fast at any depth, if there is an index for the order: see `pagination.py`, and
        `paginate` there for what is given and raised.
        """
        return await paginate(
            self.session,
            self._select(*criteria),
            order_by=order_by,
            limit=limit,
            cursor=cursor,
            load=load,
        )

    async def count(self, *criteria: ColumnExpressionArgument[bool]) -> int:
        """Return how many rows fit all criteria. The server has to visit each of them."""
        statement = select(func.count()).select_from(self.model).where(*criteria)
        return (await self.session.scalars(statement)).one()

    async def exists(self, *criteria: ColumnExpressionArgument[bool]) -> bool:
        """Return whether a row fits all criteria; it stops at the first."""
        return (await self.session.scalars(select(self._select(*criteria).exists()))).one()

    async def update(self, entity: M, /, **values: object) -> M:
        """Set attributes of a row and write what differs.

        Args:
            entity: a row of this session.
            values: the new values by attribute name; what is not named stays.

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

    def _select(self, *criteria: ColumnExpressionArgument[bool]) -> Select[M]:
        return select(self.model).where(*criteria)

    async def _flush(self) -> None:
        with translated():
            await self.session.flush()
