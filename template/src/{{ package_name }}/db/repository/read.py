"""Read the rows of one model.

The names are SQLAlchemy's. By primary key they are the names of the session: `get` returns None if
there is no row, and `get_one` raises an error. By criteria they are the names of a result:
`one_or_none`, `all`. Criteria are SQLAlchemy expressions, so values are always bound parameters.
For any other query, write a method in your own repository, with `self.session` and `select()`.

Criteria that name another table join it. If several of its rows match, they repeat a row of the model:
`count` counts it several times, and `all` with a limit returns fewer rows. Write `Post.comments.any(…)`
or `exists()` instead, which repeat nothing.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import islice
from typing import Any, Generic, TypedDict, TypeVar, Unpack

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from ..engine.translation import translated
from ..errors import MultipleFound, NotFound
from ..paging.order import directed
from ..paging.page import Options, OrderBy, Page, PageArguments, paginate
from ..paging.values import padded

M = TypeVar("M", bound=DeclarativeBase)
K = TypeVar("K")

Criterion = sa.ColumnExpressionArgument[bool]
"""A condition on the rows, such as `User.email == email`."""

# PostgreSQL takes at most 32767 parameters in a statement. Padding doubles the keys at most.
_KEY_VALUES_IN_A_STATEMENT = 4096


class RowLock(TypedDict, total=False):
    """How rows are locked, in SQLAlchemy's words. `{}` is a plain FOR UPDATE.

    `nowait` raises `LockNotAvailable` instead of waiting. `skip_locked` leaves locked rows out, as
    a queue needs it. `key_share` and `read` are weaker locks. `of` names the models whose rows are
    locked. The default is the model of the repository, since PostgreSQL cannot lock the rows of an
    outer join.
    """

    nowait: bool
    skip_locked: bool
    key_share: bool
    read: bool
    of: type[DeclarativeBase] | Sequence[type[DeclarativeBase]]


class Reading(TypedDict, total=False):
    """How rows are read."""

    options: Options | None
    """Loader options, such as `selectinload(User.posts)`."""

    with_for_update: bool | RowLock | None
    """Lock the rows until the transaction ends, and read them again."""

    populate_existing: bool
    """Read rows again that the session has already, with the relationships of the options.

    This is for a row that SQL has changed, or whose relationships are out of date after a write. An
    attribute that was changed and not flushed is flushed first.
    """


class ReadRepository(Generic[M, K]):
    """Read the rows of `model`. `K` is the type of its primary key: a tuple if it is composite.

    Args:
        session: the session of the unit of work.
    """

    model: type[M]

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(self, key: K, **how: Unpack[Reading]) -> M | None:
        """Return the row with this primary key, or None.

        If the session has the row, this runs no query, and returns the row as it was read before.

        Args:
            key: the primary key.
            how: `options`, `with_for_update` and `populate_existing`, see `Reading`.
        """
        if how and (any(how.values()) or {} in how.values() or {*how} - Reading.__optional_keys__):
            # If the session had the row, it would return it unchanged, and ignore the options.
            return await self.one_or_none(self._has_key([key]), **how)
        identity = self._identity(key)
        known = self.session.identity_key(self.model, identity) in self.session.identity_map
        if known or None in identity:
            return await self.session.get(self.model, identity)
        # `session.get` would build the statement again, which takes a fifth of its time.
        values = {f"key_{n}": value for n, value in enumerate(identity)}
        return (await self.session.scalars(_by_key(self.model), values)).unique().one_or_none()

    async def get_one(self, key: K, **how: Unpack[Reading]) -> M:
        """Return the row with this primary key. The arguments are those of `get`.

        Raises:
            NotFound: no row has this key, or the row is locked and `skip_locked` left it out.
        """
        return self._existing(await self.get(key, **how))

    async def get_by_keys(self, keys: Iterable[K], **how: Unpack[Reading]) -> Sequence[M]:
        """Return the rows with these primary keys, in the order of the keys.

        The other arguments are those of `get`. A key that is given twice is twice in the result. If
        some rows may be gone, write `all(User.id.in_(keys))`. Rows are locked in the order of their
        keys, so two such calls with up to 4096 values do not deadlock. A key that Python writes in
        another way than the row, such as a UUID as text, needs one more query.

        Raises:
            NotFound: some keys have no row, or the row is hidden or locked, as for `get_one`.
        """
        given: list[Any] = [self._identity(key) for key in keys]
        found, mapper = dict[object, M](), self.model.__mapper__
        for criterion in self._have_keys(given):
            rows = await self.all(criterion, order_by=mapper.primary_key, **how)
            found |= {(*mapper.primary_key_from_instance(each),): each for each in rows}
        for key in {*given} - found.keys():
            found[key] = self._existing(await self.one_or_none(self._has_key([key]), **how))
        return [found[key] for key in given]

    async def one_or_none(self, *criteria: Criterion, **how: Unpack[Reading]) -> M | None:
        """Return the only row that meets all criteria, or None.

        Raises:
            MultipleFound: several rows meet them. All of them were read, since a join may repeat the
                first one.
        """
        found = await self.all(*criteria, **how)
        if len(found) > 1:
            raise MultipleFound(f"several rows of {self.model.__name__} meet the criteria, not one")
        return found[0] if found else None

    async def all(
        self,
        *criteria: Criterion,
        order_by: OrderBy = (),
        limit: int | None = None,
        offset: int | None = None,
        **how: Unpack[Reading],
    ) -> Sequence[M]:
        """Return the rows that meet all criteria, all of them in memory.

        Args:
            order_by: columns or `column.desc()`. Without it the order is not defined.
            limit: how many rows at most. Give one if the number of rows can grow.
            offset: how many rows to leave out first. The server still reads them.
            how: `options`, `with_for_update` and `populate_existing`, see `Reading`. The server locks in
                the order of the result: without `order_by` two calls may deadlock.
        """
        statement = self._select(*criteria, order_by=order_by, **how).limit(limit).offset(offset)
        return (await self.session.scalars(statement)).unique().all()

    async def all_and_count(
        self,
        *criteria: Criterion,
        order_by: OrderBy,
        limit: int,
        offset: int = 0,
        **how: Unpack[Reading],
    ) -> tuple[Sequence[M], int]:
        """Return a page of rows, and the number of rows on all pages.

        The server reads all pages before this one, and counts every row: for long lists use
        `paginate`. The count is a second statement, because `count(*) OVER ()` gives no number on a
        page after the last row. In READ COMMITTED it may see other rows than the page. On the last
        page no count is needed.
        """
        page = await self.all(*criteria, order_by=order_by, limit=limit, offset=offset, **how)
        if 0 < len(page) < limit:
            return page, offset + len(page)
        return page, await self.count(*criteria)

    async def paginate(
        self, *criteria: Criterion, order_by: OrderBy, limit: int, **which: Unpack[PageArguments]
    ) -> Page[M]:
        """Return the page that begins at a cursor, of the rows that meet all criteria.

        With an index for the order, every page is equally fast. `paging/page.py` describes the
        index, the arguments and the errors.
        """
        sql = _rows_of(self.model)
        return await paginate(self.session, sql, *criteria, order_by=order_by, limit=limit, **which)

    @asynccontextmanager
    async def stream(
        self,
        *criteria: Criterion,
        order_by: OrderBy = (),
        options: Options = (),
        yield_per: int = 1000,
    ) -> AsyncIterator[AsyncIterator[Sequence[M]]]:
        """Read any number of rows in constant memory, in partitions.

        The cursor is closed when the block ends or raises::

            async with uow.posts.stream(Post.published, order_by=[Post.id]) as partitions:
                async for posts in partitions:
                    …

        The cursor belongs to the transaction, which cannot commit before the block ends. Load
        collections by `selectinload`, which runs one statement per partition. SQLAlchemy refuses
        `joinedload`.

        Args:
            yield_per: the number of rows in a partition. More rows need more memory.
        """
        statement = self._select(*criteria, order_by=order_by, options=options)
        result = await self.session.stream_scalars(statement.execution_options(yield_per=yield_per))
        try:
            with translated:  # the rows are read in the block
                yield result.partitions()
        finally:
            await result.close()

    async def count(self, *criteria: Criterion) -> int:
        """Return how many rows meet all criteria. The server reads each of them."""
        sql = self._select(*criteria).with_only_columns(sa.func.count(), maintain_column_froms=True)
        return (await self.session.scalars(sql)).one()

    async def exists(self, *criteria: Criterion) -> bool:
        """Return whether a row meets all criteria. The server stops at the first one."""
        return (await self.session.scalars(sa.select(self._select(*criteria).exists()))).one()

    @translated
    def _select(self, *criteria: Criterion, order_by: OrderBy = (), **how: Any) -> sa.Select[M]:
        if unknown := {*how} - Reading.__optional_keys__:
            raise TypeError(f"there is no argument {', '.join(unknown)}")
        statement = sa.select(self.model).where(*criteria).options(*how.get("options") or ())
        statement = statement.order_by(*directed(order_by))
        lock, anew = how.get("with_for_update"), how.get("populate_existing")
        if lock is not None and lock is not False:
            flags: Any = RowLock(of=self.model) | (RowLock() if lock is True else lock)
            # Otherwise a row in the session would be locked but keep its old values: a lost update.
            statement, anew = statement.with_for_update(**flags), True
        return statement.execution_options(populate_existing=True) if anew else statement

    def _existing(self, entity: M | None) -> M:
        if entity is None:
            raise NotFound(f"there is no {self.model.__name__} with this key")
        return entity

    def _have_keys(self, keys: Iterable[K]) -> Iterator[sa.ColumnElement[bool]]:
        """Yield criteria for any number of keys. A statement takes one of them."""
        remaining = iter(dict.fromkeys(keys))  # a key in two statements would change its row twice
        number = _KEY_VALUES_IN_A_STATEMENT // len(self.model.__mapper__.primary_key)
        while some := [*islice(remaining, number)]:
            yield self._has_key(some)

    def _identity(self, key: K) -> tuple[Any, ...]:
        identity = key if isinstance(key, tuple) else (key,)
        columns = self.model.__mapper__.primary_key
        if len(identity) != len(columns):
            names = ", ".join(column.name for column in columns)
            raise TypeError(f"a key of {self.model.__name__} has one value for each of {names}")
        return identity

    def _has_key(self, keys: Sequence[K]) -> sa.ColumnElement[bool]:
        columns = self.model.__mapper__.primary_key
        return sa.tuple_(*columns).in_([self._identity(key) for key in padded([*keys])])


_rows_of: Any = cache(sa.select)


@cache
def _by_key(model: Any) -> Any:
    key = enumerate(model.__mapper__.primary_key)
    return sa.select(model).where(*(c == sa.bindparam(f"key_{n}", type_=c.type) for n, c in key))
