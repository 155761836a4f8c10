"""The database of a program that works for tenants: each transaction tells PostgreSQL its tenant."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self, Unpack

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import DatabaseError
from ..settings import DatabaseSettings
from ..unit_of_work.database import Database as Plain
from ..unit_of_work.database import R, TransactionOptions, U
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
        hooks = (tenant_hook, *begin_hooks)
        super().__init__(settings, unit_of_work, read_unit_of_work, begin_hooks=hooks)
        self._metadata = metadata
        self._checked = False

    async def check_role(self) -> None:
        """Ask the server once whether policies bind the role of the program.

        `async with` and the first unit of work call this.

        Raises:
            UnsafeRole: they do not bind it. The message says what to do.
            DatabaseError: the server does not answer.
        """
        if not self._checked:
            async with self.engine.connect() as connection:
                leaks = await connection.run_sync(find_leaks, self._metadata)
            if leaks:
                raise UnsafeRole("\n".join(leaks))
            self._checked = True

    @asynccontextmanager
    async def open_session(
        self, *, read_only: bool = False, **options: Unpack[TransactionOptions]
    ) -> AsyncIterator[AsyncSession]:
        """Yield the session of a new unit of work, in its transaction. See `db.Database`."""
        await self.check_role()
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
