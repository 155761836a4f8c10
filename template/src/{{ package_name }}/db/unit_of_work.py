"""One transaction with its repositories: all of it happens, or nothing.

::

    class UnitOfWork(db.UnitOfWork):
        def __init__(self, session: AsyncSession) -> None:
            super().__init__(session)
            self.users = UserRepository(session)

    async with database.unit_of_work() as uow:
        await register(uow, …)

The `Database` opens it: it commits when the block ends and rolls back when the block raises, a
cancellation included. Only entry points (a route, a command, a job) open one, and services receive
it: a service that opened its own and called another service would commit half. What may fail by
itself, without the rest, goes into a `savepoint()`.

What must happen only if all of it was committed (a mail, a message) is an `after_commit` hook. Hooks
are not durable: a process that dies right after COMMIT never runs them. What must not get lost is a
row of the same transaction that a worker takes care of (an outbox).

One unit of work belongs to one task. Its session is not for `asyncio.gather`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from .errors import CommitUnknown, ConnectionFailure
from .translation import translated

Hook = Callable[[], Awaitable[object]]

_log = logging.getLogger(__name__)


class UnitOfWork:
    """An open transaction. Subclass it and add repositories as attributes.

    Args:
        session: the session that all repositories share.
    """

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self._after_commit: list[Hook] = []

    def after_commit(self, hook: Hook) -> None:
        """Run something after the commit, and only then.

        Hooks run one after the other, in the order in which they were given, when the connection is
        back in the pool; they may open a unit of work. Those of a savepoint or an attempt that was
        rolled back are dropped, and none run where the commit's outcome is unknown. An error of a
        hook is logged: it undoes nothing, and the other hooks run. A cancellation ends them.

        Args:
            hook: called without arguments and awaited, such as `functools.partial(send, mail)`.
        """
        self._after_commit.append(hook)

    async def committed(self) -> None:
        """Run the hooks; the `Database` calls it, and a test may."""
        hooks, self._after_commit = self._after_commit, []
        for hook in hooks:
            try:
                await hook()
            except Exception:
                _log.exception("an after_commit hook failed; what was committed stays")

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo only this block when it raises, and let the transaction go on.

        Catch the error outside of the block. Inside, it proves nothing: what was only added to the
        session is written when the block ends.

            try:
                async with uow.savepoint():
                    await uow.users.add(user)
            except UniqueViolation:
                …
        """
        hooks = len(self._after_commit)
        try:
            with translated():
                async with self.session.begin_nested():
                    yield
        except BaseException:
            del self._after_commit[hooks:]
            raise


@asynccontextmanager
async def transaction(session: AsyncSession) -> AsyncIterator[None]:
    """Commit when the block ends, roll back when it raises, and close the session.

    Raises:
        CommitUnknown: the connection was lost or the task cancelled while COMMIT was under way, so
            the server may have committed. Look before you run it again. It takes the place of the
            cancellation: a task that catches it must end by itself.
        DatabaseError: whatever else goes wrong; nothing is committed then.
    """
    async with AsyncExitStack() as until_committed:
        # Its end rolls back what is not committed, shielded from cancellation.
        await until_committed.enter_async_context(session)
        with translated():
            yield
            # Here and not in commit(), so that what fails there is COMMIT itself.
            await session.flush()
        try:
            with translated():
                await session.commit()
        except asyncio.CancelledError as error:
            raise CommitUnknown from error
        except ConnectionFailure as error:
            if error.sqlstate is None:  # asyncpg knew already, and did not send COMMIT
                raise
            raise CommitUnknown from error
        until_committed.pop_all()
    # It has no connection any more, so this waits for nothing. The shield would, and who was
    # cancelled there would be told that nothing is committed.
    await session.close()
