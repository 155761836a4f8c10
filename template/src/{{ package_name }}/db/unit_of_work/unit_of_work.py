"""A unit of work: one transaction with its repositories. All changes happen, or none.

::

    class UnitOfWork(db.UnitOfWork):
        def __init__(self, session: AsyncSession) -> None:
            super().__init__(session)
            self.users = UserRepository(session)

    async with database.unit_of_work() as uow:
        await register(uow, …)

The `Database` opens it. It commits when the block ends, and rolls back when the block raises or is
cancelled. Nothing else ends its transaction, see `session.py`. Only entry points (a route, a command,
a job) open one, and services receive it. If services opened their own, an error could leave half of the
work committed. Put a part that may fail alone into a `savepoint()`.

Send a mail or a message by an `after_commit` hook, so that it goes out only after the commit. Hooks
are not durable: a process that dies right after COMMIT does not run them. If the message must not
get lost, write it as a row in the same transaction, and let a worker send it (an outbox).

One unit of work belongs to one task. Do not use its session in `asyncio.gather`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from ..dialect import dialect
from ..engine.translation import translated
from ..errors import CommitUnknown, ConnectionFailure, UnitOfWorkError
from .session import ENDED, owned

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

        Hooks run one after another, in the order in which they were added. The connection is back
        in the pool then, so a hook may open a unit of work. Hooks of a savepoint or an attempt that
        was rolled back are dropped. If the outcome of the commit is unknown, no hook runs. The
        error of a hook is logged, and the other hooks still run. A cancellation ends them.

        Args:
            hook: called without arguments and awaited, such as `functools.partial(send, mail)`.

        Raises:
            UnitOfWorkError: the block has ended, so the hook would never run.
        """
        if "owned" not in self.session.info:
            raise UnitOfWorkError(ENDED)
        self._hooks.append(hook)

    async def run_after_commit_hooks(self) -> None:
        """Run the hooks. The `Database` calls this, and a test may call it."""
        hooks, self._hooks = self._hooks, []
        for hook in hooks:
            try:
                await hook()
            except Exception:
                _log.exception("an after_commit hook failed; the committed changes stay")

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo only this block if it raises, so that the transaction can continue.

        Catch the error outside of the block: rows that were added to the session are written only
        when the block ends.

            try:
                async with uow.savepoint():
                    await uow.users.add(user)
            except UniqueViolation:
                …
        """
        hooks = len(self._hooks)
        try:
            with translated:
                async with self.session.begin_nested():
                    yield
        except BaseException:
            del self._hooks[hooks:]
            raise


@asynccontextmanager
async def transaction(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Yield the session. Commit when the block ends, or roll back when it raises. Then close the session.

    Raises:
        CommitUnknown: the connection was lost, or the task was cancelled, during COMMIT. The server
            may have committed: check that before you run the work again. This error replaces the
            cancellation, so a task that catches it must end itself.
        Error: something else went wrong, and nothing is committed.
    """
    try:
        with translated, owned(session):
            yield session
            # Flush here, so that only COMMIT itself can fail in commit().
            if not session.sync_session._is_clean():  # a private method: `dirty` would build a set
                await session.flush()
        try:
            await session.commit()
        except (asyncio.CancelledError, ConnectionFailure) as error:
            if isinstance(error, ConnectionFailure) and not dialect.may_have_committed(error):
                raise
            raise CommitUnknown from error
    except BaseException:
        # It closes the session, which rolls back. A cancellation does not interrupt that.
        await session.__aexit__(None, None, None)
        raise
    # The session has no connection now, so this close does not wait. A shielded close could be
    # cancelled while it waits. Then the task would believe that nothing is committed.
    session.sync_session.close()
