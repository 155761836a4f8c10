"""A unit of work: one transaction with its repositories. All of it happens, or nothing.

::

    class UnitOfWork(db.UnitOfWork):
        def __init__(self, session: AsyncSession) -> None:
            super().__init__(session)
            self.users = UserRepository(session)

    async with database.unit_of_work() as uow:
        await register(uow, …)

The `Database` opens it. It commits when the block ends, and rolls back when the block raises or is
cancelled. Only entry points (a route, a command, a job) open one, and services receive it: a service
that opened its own and called another service would commit only half. A part that may fail without
the rest goes into a `savepoint()`.

A mail or a message that must go out only after the commit is an `after_commit` hook. Hooks are not
durable: a process that dies right after COMMIT does not run them. If the message must not get lost,
write it as a row of the same transaction, and let a worker send it (an outbox).

One unit of work belongs to one task. Do not use its session in `asyncio.gather`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from ..engine.translation import translated
from ..errors import CommitUnknown, ConnectionFailure

Hook = Callable[[], Awaitable[object]]

_log = logging.getLogger(__name__)


class ReadUnitOfWork:
    """A read-only transaction. Subclass it and add read repositories as attributes.

    Args:
        session: the session that all repositories share.
    """

    def __init__(self, session: AsyncSession) -> None:
        self.session = session


class UnitOfWork:
    """An open transaction. Subclass it and add repositories as attributes.

    Args:
        session: the session that all repositories share.
    """

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self._hooks: list[Hook] = []

    def after_commit(self, hook: Hook) -> None:
        """Run a function after the commit, and only then.

        Hooks run one after the other, in the order in which they were added. The connection is back
        in the pool by then, so a hook may open a unit of work. Hooks of a savepoint or an attempt
        that was rolled back are dropped. No hook runs where the outcome of the commit is unknown.
        The error of a hook is logged: it undoes nothing, and the other hooks run. A cancellation
        ends them.

        Args:
            hook: called without arguments and awaited, such as `functools.partial(send, mail)`.
        """
        self._hooks.append(hook)

    async def run_after_commit_hooks(self) -> None:
        """Run the hooks. The `Database` calls it, and a test may."""
        hooks, self._hooks = self._hooks, []
        for hook in hooks:
            try:
                await hook()
            except Exception:
                _log.exception("an after_commit hook failed; the committed changes stay")

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo only this block when it raises, and let the transaction go on.

        Catch the error outside of the block. Inside, the rows that were added to the session are not
        written yet: that happens when the block ends.

            try:
                async with uow.savepoint():
                    await uow.users.add(user)
            except UniqueViolation:
                …
        """
        hooks = len(self._hooks)
        try:
            with translated():
                async with self.session.begin_nested():
                    yield
        except BaseException:
            del self._hooks[hooks:]
            raise


@asynccontextmanager
async def transaction(session: AsyncSession) -> AsyncIterator[None]:
    """Commit when the block ends, roll back when it raises, and close the session.

    Raises:
        CommitUnknown: the connection was lost, or the task was cancelled, during COMMIT. The server
            may have committed: look before you run the work again. This error replaces the
            cancellation, so a task that catches it must end by itself.
        Error: something else went wrong, and nothing is committed.
    """
    async with AsyncExitStack() as until_committed:
        # The end of the session rolls back, shielded from cancellation.
        await until_committed.enter_async_context(session)
        with translated():
            yield
            # Flush here, so that only COMMIT itself can fail in commit().
            await session.flush()
        try:
            with translated():
                await session.commit()
        except asyncio.CancelledError as error:
            raise CommitUnknown from error
        except ConnectionFailure as error:
            if error.sqlstate is None:  # asyncpg knew that before, and did not send COMMIT
                raise
            raise CommitUnknown from error
        until_committed.pop_all()
    # The session has no connection any more, so this does not wait. The shield would wait, and a task
    # that is cancelled there would be told that nothing is committed.
    await session.close()
