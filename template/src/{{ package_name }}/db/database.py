"""The database of an application: its engine, its sessions and its units of work.

::

    async with Database(settings, UnitOfWork) as database:
        async with database.unit_of_work() as uow:
            await uow.users.add(user)

Make one for the life of the program, in the event loop that uses it. Making it connects to nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar
from weakref import WeakSet

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .begin import BeginHook, HookedSession
from .engine import create_engine
from .errors import DatabaseError, UnitOfWorkError
from .pool import PoolStatus, QueuePool
from .retry import retrying
from .settings import DatabaseSettings
from .translation import translated
from .unit_of_work import UnitOfWork, transaction

T = TypeVar("T")
U = TypeVar("U", bound=UnitOfWork)

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the database answers, and if not, why: one sentence without secrets."""

    ok: bool
    detail: str


class Database(Generic[U]):
    """An engine, and units of work upon it.

    Args:
        settings: how to reach the database.
        unit_of_work: the class of the units of work, or what makes one from a session.
        begin_hooks: what else to set at the begin of each transaction, see `begin.py`.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        unit_of_work: Callable[[AsyncSession], U],
        *,
        begin_hooks: tuple[BeginHook, ...] = (),
    ) -> None:
        if settings.pgbouncer:
            begin_hooks = (lambda _: settings.timeouts, *begin_hooks)
        self.settings = settings
        self.engine = create_engine(settings)
        self.sessions = async_sessionmaker(
            self.engine,
            sync_session_class=HookedSession,
            info={"begin_hooks": begin_hooks},
            expire_on_commit=False,  # or reading an entity after the commit would be I/O
            close_resets_only=False,  # or a session would begin anew after its unit of work
        )
        self._unit_of_work = unit_of_work
        self._busy: WeakSet[asyncio.Task[object]] = WeakSet()

    @asynccontextmanager
    async def unit_of_work(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> AsyncIterator[U]:
        """Open a transaction: commit when the block ends, roll back when it raises.

        The connection is taken at the first statement and given back at the end; then the
        `after_commit` hooks run.

        Args:
            isolation: what the transaction may see of others; None is the server's default, READ
                COMMITTED. The stricter two fail with `SerializationFailure` where they must: use
                `transact`.
            read_only: whether the server refuses to change anything (`ReadOnlyTransaction`).

        Raises:
            UnitOfWorkError: this task has one open already (pass that one on, or use its
                `savepoint()`; what must be committed by itself needs a task of its own), or an
                error that aborted the transaction was caught inside, so nothing is committed.
            CommitUnknown: see `transaction`.
            DatabaseError: whatever else goes wrong; nothing is committed then.
        """
        task = asyncio.current_task()
        assert task is not None  # there is no `async with` outside of a task
        if task in self._busy:
            raise UnitOfWorkError(
                "a unit of work is open in this task already: pass it on, or use its savepoint()"
            )
        self._busy.add(task)
        try:
            # An engine with options shares the pool. The driver puts them into its BEGIN, so they
            # cost no round trip, and end with the transaction.
            options: dict[str, object] = {"isolation_level": isolation} if isolation else {}
            if read_only:
                options["postgresql_readonly"] = True
            engine = self.engine.execution_options(**options) if options else self.engine
            session = self.sessions(bind=engine)
            uow = self._unit_of_work(session)
            async with transaction(session):
                yield uow
        finally:
            self._busy.discard(task)
        await uow.committed()

    async def transact(
        self,
        work: Callable[[U], Awaitable[T]],
        *,
        attempts: int = 5,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> T:
        """Run a function in a unit of work, and the whole of it again after a `TransientError`.

        Args:
            work: called with a fresh unit of work each time; its other effects (a mail, a file)
                would happen each time too, so leave those to an `after_commit` hook.
            attempts: how often to try at most.
            isolation: see `unit_of_work`.
            read_only: see `unit_of_work`.

        Returns:
            what `work` returned, after the commit.

        Raises:
            UnitOfWorkError: a unit of work is open in this task.
            TransientError: the last attempt failed like those before it.
            CommitUnknown: the outcome is unknown, so it was not tried again.
            DatabaseError: whatever cannot be cured by another attempt.
        """

        async def once() -> T:
            async with self.unit_of_work(isolation=isolation, read_only=read_only) as uow:
                return await work(uow)

        return await retrying(attempts)(once)

    @property
    def pool(self) -> PoolStatus | None:
        """What the pool does at the moment, without I/O; None for the setting `pool="null"`."""
        pool = self.engine.sync_engine.pool
        return pool.report() if isinstance(pool, QueuePool) else None

    async def health(self) -> Health:
        """Ask the database whether it answers; it does so within `connect_timeout` or is not well.

        It asks through the pool, as every unit of work does: when all connections are in use, it
        says so, and who holds them longest. That is no reason to restart the program.
        """
        seconds = self.settings.connect_timeout
        try:
            async with asyncio.timeout(seconds):
                with translated():
                    async with self.engine.connect() as connection:
                        await connection.execute(text("SELECT 1"))
        except TimeoutError:
            pool = self.engine.sync_engine.pool
            if isinstance(pool, QueuePool) and pool.exhausted:
                return Health(False, pool.explain(seconds))
            return Health(False, f"no answer within {seconds:g} s")
        except DatabaseError as error:
            return Health(False, str(error))
        return Health(True, "the database answers")

    async def dispose(self) -> None:
        """Close the connections that are idle; those in use are closed when they are given back."""
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.dispose()
