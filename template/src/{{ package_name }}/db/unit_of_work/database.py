"""The database of an application: its engine, its sessions and its units of work.

::

    async with Database(settings, UnitOfWork, ReadUnitOfWork) as database:
        async with database.unit_of_work() as uow:
            await uow.users.add(user)

A program creates one `Database`, in the event loop that uses it. The first statement connects.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from time import time
from typing import Any, Generic, Literal, NamedTuple, Self, TypedDict, Unpack, overload

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from typing_extensions import TypeVar

from ..dialect import dialect
from ..engine.call_site import find_call_site
from ..engine.create import create_engine
from ..engine.pool import PoolStatus, QueuePool
from ..errors import ConnectionFailure, Error, ReadOnlyTransaction, UnitOfWorkError
from ..settings import DatabaseSettings
from .retry import retry
from .session import GuardedSession, refuse_foreign_end
from .settings_at_begin import HOOKS, BeginHook, info_by_type
from .unit_of_work import ReadUnitOfWork, UnitOfWork, transaction

T = TypeVar("T")
U = TypeVar("U", bound=UnitOfWork, covariant=True)
R = TypeVar("R", bound=ReadUnitOfWork, default=ReadUnitOfWork, covariant=True)

IsolationLevel = dialect.IsolationLevel

_STANDBY = "the server is read-only, perhaps a standby now: check the URL, and run the work again"


class TransactionOptions(TypedDict, total=False):
    """The options of a transaction."""

    isolation_level: IsolationLevel | None
    """What the transaction may see of others. None is the server's default, READ COMMITTED.

    The two stricter levels can fail with `SerializationFailure`: use `transact` for them.
    """

    info: object
    """What the transaction must know (a tenant, an actor): an instance of one of your classes, or a
    tuple of instances. `session.info[Tenant]` holds the value of the class `Tenant`. Begin hooks
    and repositories read it there.
    """


class Health(NamedTuple):
    """Whether the database answers. `detail` is one sentence without secrets."""

    ok: bool
    detail: str


class Database(Generic[U, R]):
    """An engine, and the units of work that use it.

    Args:
        settings: how to reach the database.
        unit_of_work: the class of the units of work, or a function that takes a session.
        read_unit_of_work: the same for `unit_of_work(read_only=True)`.
        begin_hooks: functions that return settings for each transaction, see `settings_at_begin.py`.

    Attributes:
        settings: as given.
        engine: for connections without a session.
        sessions: creates plain sessions, for a script or a console that calls `commit()` itself:
            `async with database.sessions() as session`. Begin hooks run. There is no unit of work.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        unit_of_work: Callable[[AsyncSession], U],
        read_unit_of_work: Callable[[AsyncSession], R] | None = None,
        *,
        begin_hooks: tuple[BeginHook, ...] = (),
    ) -> None:
        if settings.pgbouncer:
            begin_hooks = (lambda _: settings.timeouts, *begin_hooks)
        self.settings = settings
        self.engine = create_engine(settings)
        refuse_foreign_end(self.engine)
        self.sessions = async_sessionmaker(
            self.engine,
            sync_session_class=GuardedSession,
            info={HOOKS: begin_hooks},
            expire_on_commit=False,  # otherwise reading an entity after the commit would be I/O
            close_resets_only=False,  # otherwise a session could begin again after its end
        )
        self._unit_of_work = unit_of_work
        self._read_unit_of_work = read_unit_of_work or ReadUnitOfWork
        self._with_options = cache(AsyncEngine.execution_options)  # a new one costs 0.05 ms
        self._busy = dict[asyncio.Task[Any], object]()

    def choose_engine(self, *, read_only: bool) -> AsyncEngine:
        """Return the engine that answers a unit of work.

        Override it to send read-only units of work to a replica.
        """
        return self.engine

    def open_session(
        self, *, read_only: bool = False, **options: Unpack[TransactionOptions]
    ) -> AbstractAsyncContextManager[AsyncSession]:
        """Return the session of a new unit of work, as a block that is its transaction.

        The arguments are those of `unit_of_work`.
        """
        # An engine with options shares the pool. The driver puts the options into its BEGIN, so they
        # cost no round trip, and end with the transaction.
        chosen = {"isolation_level": level} if (level := options.get("isolation_level")) else {}
        how = {**chosen, **(dialect.READ_ONLY if read_only else {})}
        engine = self.choose_engine(read_only=read_only)
        bind = self._with_options(engine, **how) if how else engine
        return transaction(self.sessions(bind=bind, info=info_by_type(options.get("info", ()))))

    @overload
    def unit_of_work(
        self, *, read_only: Literal[False] = False, **options: Unpack[TransactionOptions]
    ) -> AbstractAsyncContextManager[U]: ...
    @overload
    def unit_of_work(
        self, *, read_only: Literal[True], **options: Unpack[TransactionOptions]
    ) -> AbstractAsyncContextManager[R]: ...
    @asynccontextmanager
    async def unit_of_work(
        self, *, read_only: bool = False, **options: Unpack[TransactionOptions]
    ) -> AsyncIterator[Any]:
        """Open a transaction. It commits when the block ends, and rolls back when the block raises.

        The first statement takes a connection from the pool, and the end gives it back. Then the
        `after_commit` hooks run.

        Args:
            read_only: whether the server refuses changes (`ReadOnlyTransaction`). The block then
                gets a `ReadUnitOfWork`, which has no methods that write.
            options: `isolation_level` and `info`, see `TransactionOptions`.

        Raises:
            UnitOfWorkError: this task has an open unit of work already. Pass that one on, or use
                its `savepoint()`. Work that must commit separately needs another task. The error
                has a second reason: the block caught an error that aborted the transaction.
            CommitUnknown: see `transaction`.
            ConnectionFailure: the connection is lost. Or the server is a standby, and refused a change
                without `read_only`. Then the pool opens its connections again.
            Error: something else went wrong, and nothing is committed.
        """
        task: Any = asyncio.current_task()  # `async with` always runs in a task
        if task in self._busy:
            raise UnitOfWorkError(
                f"this task has an open unit of work already, opened at {self._busy[task]}: pass that "
                "one on, or use its savepoint(). In a test, end it before you send a request by httpx"
            )
        self._busy[task] = find_call_site() or "an unknown place"
        try:
            async with self.open_session(read_only=read_only, **options) as session:
                opened = (self._read_unit_of_work if read_only else self._unit_of_work)(session)
                yield opened
        except ReadOnlyTransaction as error:
            if read_only:
                raise
            # The pool opens each connection again before its next use, since a new one may lead to
            # another server. This attribute of SQLAlchemy is private.
            self.choose_engine(read_only=False).sync_engine.pool._invalidate_time = time()
            raise ConnectionFailure(_STANDBY, sqlstate=error.sqlstate) from error
        finally:
            del self._busy[task]
        if isinstance(opened, UnitOfWork):
            await opened.run_after_commit_hooks()

    async def transact(
        self,
        work: Callable[[U], Awaitable[T]],
        *,
        attempts: int = 5,
        **options: Unpack[TransactionOptions],
    ) -> T:
        """Run a function in a unit of work, and run all of it again after a `TransientError`.

        Args:
            work: a function that takes a unit of work. Each attempt calls it with a new one. Put
                other effects, such as a mail, into an `after_commit` hook: that runs only once.
            attempts: how often to try at most.
            options: `isolation_level` and `info`, see `TransactionOptions`.

        Returns:
            The result of `work`, after the commit.

        Raises:
            UnitOfWorkError: this task has an open unit of work.
            TransientError: all attempts failed.
            CommitUnknown: the outcome is unknown, so the work did not run again.
            Error: another attempt would not help.
        """

        async def once() -> T:
            async with self.unit_of_work(**options) as uow:
                return await work(uow)

        return await retry(once, attempts=attempts)

    @property
    def pool(self) -> PoolStatus | None:
        """What the pool does now. Reading it is no I/O. It is None for the setting `pool="null"`."""
        pool = self.engine.sync_engine.pool
        return pool.report() if isinstance(pool, QueuePool) else None

    async def health(self) -> Health:
        """Ask the database whether it answers within `connect_timeout` seconds.

        It takes a connection of the pool, as every unit of work does. If all connections are in
        use, the answer says so, and names the code that holds them longest. A restart of the
        program does not help then.
        """
        seconds = self.settings.connect_timeout
        try:
            async with asyncio.timeout(seconds), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except TimeoutError:
            pool = self.engine.sync_engine.pool
            if isinstance(pool, QueuePool) and pool.exhausted:
                return Health(False, pool.explain(seconds))
            return Health(False, f"no answer within {seconds:g} s")
        except Error as error:
            return Health(False, str(error))
        return Health(True, "the database answers")

    async def dispose(self) -> None:
        """Close the idle connections. The others are closed when they come back to the pool."""
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.dispose()
