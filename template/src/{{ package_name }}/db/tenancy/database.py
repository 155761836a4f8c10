"""The database of a program that works for tenants: each transaction tells PostgreSQL its tenant."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self, Unpack

from sqlalchemy import URL, Connection, MetaData, event
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import DatabaseError
from ..settings import DatabaseSettings
from ..unit_of_work.database import Database as Plain
from ..unit_of_work.database import R, TransactionOptions, U
from ..unit_of_work.session import GuardedSession
from ..unit_of_work.settings_at_begin import BeginHook
from .roles import UnsafeRole, find_leaks
from .tenant import current, tenant_hook, tenant_of


class Database(Plain[U, R]):
    """A `Database` that refuses to work with a role that could see the rows of other tenants.

    Args:
        metadata: the metadata of all models. It says which tables belong to tenants.
        settings, unit_of_work, read_unit_of_work, begin_hooks: as for `db.Database`.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        unit_of_work: Callable[[AsyncSession], U],
        read_unit_of_work: Callable[[AsyncSession], R] | None = None,
        *,
        metadata: MetaData,
        begin_hooks: tuple[BeginHook, ...] = (),
    ) -> None:
        hooks = (*begin_hooks, tenant_hook)  # the last one wins
        super().__init__(settings, unit_of_work, read_unit_of_work, begin_hooks=hooks)
        self.sessions.configure(info={**self.sessions.kw["info"], Database: self})
        self._metadata, self._checked = metadata, set[URL]()

    async def check_role(self) -> None:
        """Ask each server once whether policies bind the role of the program.

        `async with` calls this. The first transaction of a session asks too.

        Raises:
            UnsafeRole: they do not bind it. The message says what to do.
            DatabaseError: the server does not answer.
        """
        for read_only in (False, True):
            async with self.choose_engine(read_only=read_only).connect() as connection:
                await connection.run_sync(self._check)

    def _check(self, connection: Connection) -> None:
        if (url := connection.engine.url) not in self._checked:
            if leaks := find_leaks(connection, self._metadata):
                raise UnsafeRole("\n".join(leaks))
            self._checked.add(url)

    @asynccontextmanager
    async def open_session(
        self, *, read_only: bool = False, **options: Unpack[TransactionOptions]
    ) -> AsyncIterator[AsyncSession]:
        """Yield the session of a new unit of work, in its transaction. See `db.Database`."""
        async with super().open_session(read_only=read_only, **options) as session:
            current.set(tenant_of(session.sync_session))
            try:
                yield session
            finally:
                current.set(None)

    async def __aenter__(self) -> Self:
        with suppress(DatabaseError):  # a service may start before its server
            await self.check_role()
        return self


@event.listens_for(GuardedSession, "after_begin")
def _check_role(session: GuardedSession, _: object, connection: Connection) -> None:
    # Plain sessions, and sessions on the server of `choose_engine`, need the check too.
    if database := session.info.get(Database):
        session._ended = True  # no statement may follow if this raises
        database._check(connection)
        session._ended = False
