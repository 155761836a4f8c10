"""The rows of one model, to be read: what a query side needs, and the half of `Repository` that asks.

The names are those of SQLAlchemy's session: `get` returns None where there is no row, `get_one`
raises. Criteria are SQLAlchemy expressions, so values are always bound parameters. For a query that
no method offers, write one on a repository of your own, with `self.session` and `select()`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, TypedDict, TypeVar

from sqlalchemy import ColumnElement, ColumnExpressionArgument, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncScalarResult, AsyncSession
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm.interfaces import ORMOption

from .errors import MultipleFound, NotFound, UnitOfWorkError
from .pagination import Page, paginate

M = TypeVar("M", bound=DeclarativeBase)
K = TypeVar("K")


class RowLock(TypedDict, total=False):
    """How rows are locked, in SQLAlchemy's words; `{}` is a plain FOR UPDATE.

    `nowait` raises `LockNotAvailable` at once, `skip_locked` passes over locked rows (a queue),
    `key_share` and `read` are the weaker locks, `of` says the rows of which models; by default only
    those of the repository's own, or an outer join could not be locked.
    """

    nowait: bool
    skip_locked: bool
    key_share: bool
    read: bool
    of: type[DeclarativeBase] | Sequence[type[DeclarativeBase]]


class ReadRepository(Generic[M, K]):
    """The rows of `model`, whose primary key is a `K`: a tuple in the mapper's order if composite.

    Args:
        session: the session of the unit of work.
    """

    model: type[M]

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(
        self,
        key: K,
        *,
        load: Sequence[ORMOption] = (),
        with_for_update: bool | RowLock = False,
    ) -> M | None:
        """Return the row with this primary key, or None.

        A row that the session knows already costs no query, and is returned as it was read.

        Args:
            key: the primary key.
            load: loader options, such as `selectinload(User.posts)`.
            with_for_update: lock the row until the transaction ends, and read it anew.
        """
        if load or with_for_update is not False:
            # The session would return a row that it knows as it is, without what is to be loaded.
            statement = self._select(self._has_key([key]), load=load, lock=with_for_update)
            return (await self.session.scalars(statement)).unique().one_or_none()
        return await self.session.get(self.model, key)

    async def get_one(
        self,
        key: K,
        *,
        load: Sequence[ORMOption] = (),
        with_for_update: bool | RowLock = False,
    ) -> M:
        """Return the row with this primary key; see `get`.

        Raises:
            NotFound: there is none, or it is locked and `skip_locked` passed over it.
        """
        entity = await self.get(key, load=load, with_for_update=with_for_update)
        if entity is None:
            raise NotFound(f"there is no {self.model.__name__} with this key")
        return entity

    async def get_one_or_none(
        self,
        *criteria: ColumnExpressionArgument[bool],
        load: Sequence[ORMOption] = (),
        with_for_update: bool | RowLock = False,
    ) -> M | None:
        """Return the only row that fits, or None.

        Raises:
            MultipleFound: several rows fit.
        """
        found = await self.get_many(*criteria, limit=2, load=load, with_for_update=with_for_update)
        if len(found) > 1:
            raise MultipleFound(f"several rows of {self.model.__name__} fit, not one")
        return found[0] if found else None

    async def get_many(
        self,
        *criteria: ColumnExpressionArgument[bool],
        order_by: Sequence[ColumnExpressionArgument[Any]] = (),
        limit: int | None = None,
        offset: int | None = None,
        load: Sequence[ORMOption] = (),
        with_for_update: bool | RowLock = False,
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
        statement = self._select(*criteria, load=load, lock=with_for_update)
        statement = statement.order_by(*order_by).limit(limit).offset(offset)
        return (await self.session.scalars(statement)).unique().all()

    async def get_many_and_count(
        self,
        *criteria: ColumnExpressionArgument[bool],
        order_by: Sequence[ColumnExpressionArgument[Any]],
        limit: int,
        offset: int = 0,
        load: Sequence[ORMOption] = (),
    ) -> tuple[Sequence[M], int]:
        """Return a page of rows, and how many there are on all pages.

        The page costs as much as all pages before it, and the count visits every row: for long lists
        use `paginate`. The count is a statement of its own (in READ COMMITTED a moment later, so it
        may have seen other rows), because `count(*) OVER ()` is 0 on a page past the end; on the last
        page it is not needed.
        """
        page = await self.get_many(
            *criteria, order_by=order_by, limit=limit, offset=offset, load=load
        )
        if 0 < len(page) < limit:
            return page, offset + len(page)
        return page, await self.count(*criteria)

    async def paginate(
        self,
        *criteria: ColumnExpressionArgument[bool],
        order_by: Sequence[ColumnExpressionArgument[Any]],
        limit: int,
        cursor: str | None = None,
        load: Sequence[ORMOption] = (),
    ) -> Page[M]:
        """Return the page that begins at a cursor, of the rows that fit all criteria.

        It is as fast at any depth, if there is an index for the order: see `pagination.py`, and
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

    @asynccontextmanager
    async def stream(
        self,
        *criteria: ColumnExpressionArgument[bool],
        order_by: Sequence[ColumnExpressionArgument[Any]] = (),
        load: Sequence[ORMOption] = (),
        partition: int = 1000,
    ) -> AsyncIterator[AsyncIterator[Sequence[M]]]:
        """Read any number of rows in constant memory, a partition at a time.

        The cursor is closed when the block ends, however it ends::

            async with uow.posts.stream(Post.published, order_by=[Post.id]) as partitions:
                async for posts in partitions:
                    …

        It lives in this transaction, so nothing can be committed meanwhile. Collections are loaded by
        `selectinload`, once a partition; SQLAlchemy refuses `joinedload` for them.

        Args:
            partition: how many rows are fetched and returned at once; memory grows with it.

        Raises:
            UnitOfWorkError: the transaction ended inside of the block.
        """
        statement = self._select(*criteria, load=load).order_by(*order_by)
        options = {"yield_per": partition}
        result = await self.session.stream_scalars(statement, execution_options=options)
        try:
            yield self._partitions(result)
        finally:
            await result.close()

    async def _partitions(self, result: AsyncScalarResult[M]) -> AsyncIterator[Sequence[M]]:
        transaction = self.session.get_transaction()
        async for partition in result.partitions():
            yield partition
            if self.session.get_transaction() is not transaction:
                raise UnitOfWorkError("the rows were being streamed: commit after the stream")

    async def count(self, *criteria: ColumnExpressionArgument[bool]) -> int:
        """Return how many rows fit all criteria. The server has to visit each of them."""
        statement = select(func.count()).select_from(self.model).where(*criteria)
        return (await self.session.scalars(statement)).one()

    async def exists(self, *criteria: ColumnExpressionArgument[bool]) -> bool:
        """Return whether a row fits all criteria; it stops at the first."""
        return (await self.session.scalars(select(self._select(*criteria).exists()))).one()

    def _select(
        self,
        *criteria: ColumnExpressionArgument[bool],
        load: Sequence[ORMOption] = (),
        lock: bool | RowLock = False,
    ) -> Select[M]:
        statement = select(self.model).where(*criteria).options(*load)
        if lock is False:
            return statement
        flags: RowLock = {"of": self.model}
        if lock is not True:
            flags |= lock
        # Or a row that was read before would be locked, and its old values kept: a lost update.
        return statement.with_for_update(**flags).execution_options(populate_existing=True)

    def _has_key(self, keys: Sequence[K]) -> ColumnElement[bool]:
        columns = list(self.model.__mapper__.primary_key)
        return tuple_(*columns).in_(keys) if len(columns) > 1 else columns[0].in_(keys)
