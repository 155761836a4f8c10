"""The session of a unit of work. Its errors are of the tree, and only its unit of work ends it.

A `commit()` inside of the block would make one half of the work permanent, although the block may
still raise, or be repeated by `transact`. A `rollback()` would drop what the caller has done. So both
are a `UnitOfWorkError`, also in tests. These are refused:

* `commit`, `rollback`, `begin`, `close`, `reset` and `invalidate` of the session;
* `commit` and `rollback` of its connection, and of its transaction object;
* COMMIT, END, ROLLBACK, ABORT and PREPARE TRANSACTION as the text of a statement;
* the isolation level AUTOCOMMIT, which commits each statement.

After a `commit` or `rollback` of its connection the unit of work cannot be used any more. Savepoints
are allowed. A script or a console that must commit by itself uses a plain session::

    async with database.sessions() as session:
        …
        await session.commit()

Limits: what the program sends on the driver's own connection is not seen.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from ..engine.translation import SHARED_SESSION, translated
from ..errors import UnitOfWorkError
from .settings_at_begin import apply_settings

ENDED = "this unit of work has ended: do the work inside its block, or open another unit of work"
NOT_YOURS = "only its unit of work ends a transaction: leave the block, raise, or use savepoint()"
_ENDS = re.compile(
    r"(?i)(\s|;|--.*|/\*(?s:.*?)\*/)*"
    r"(commit|end|abort|prepare\s+transaction|rollback(?!(\s+\w+)?\s+to\b))\b"
)


class GuardedSession(Session):
    """A session that refuses to be used by two tasks, and that can always be closed."""

    _ended = False

    def close(self) -> None:
        """Close now. If another task waits for a connection here, close when it gets one."""
        self._ended = True
        with suppress(exc.IllegalStateChangeError):
            super().close()


def _guarded(name: str, *, ends: bool) -> Callable[..., Any]:
    """Return a method of the session that raises only errors of the tree.

    Args:
        ends: whether the method begins or ends a transaction, so that only its owner may call it.
    """
    method = getattr(GuardedSession, name)

    @wraps(method)
    def call(session: GuardedSession, *args: Any, **kwargs: Any) -> Any:
        if ends and "owned" in session.info and not kwargs.get("nested"):
            raise UnitOfWorkError(NOT_YOURS)
        if session._ended and not ends:
            raise UnitOfWorkError(ENDED)
        if session._flushing and name == "flush":  # a private attribute of SQLAlchemy
            raise UnitOfWorkError(SHARED_SESSION)
        with translated:
            return method(session, *args, **kwargs)

    return call


# `AsyncSession` calls these methods too.
_ENDING = {"begin", "close", "commit", "invalidate", "reset", "rollback"}
for _name in (
    *("add", "add_all", "begin_nested", "bulk_insert_mappings", "bulk_save_objects"),
    *("bulk_update_mappings", "connection", "delete", "execute", "flush", "get", "get_one"),
    *("merge", "refresh", "scalar", "scalars", *_ENDING),
):
    setattr(GuardedSession, _name, _guarded(_name, ends=_name in _ENDING))


@contextmanager
def owned(session: AsyncSession) -> Iterator[None]:
    """Refuse every end of the session's transaction until the block ends."""
    session.info["owned"] = True
    try:
        yield
    finally:
        del session.info["owned"]


_sessions: WeakKeyDictionary[Connection, GuardedSession] = WeakKeyDictionary()


@event.listens_for(GuardedSession, "after_begin")
def _begin(session: GuardedSession, transaction: Any, connection: Connection) -> None:
    _sessions[connection] = session
    if session._ended:  # while the other task waited
        connection.close()
        raise UnitOfWorkError(SHARED_SESSION)
    if not transaction.nested:  # a savepoint also causes this event
        try:
            apply_settings(session, connection)
        except BaseException:
            session._ended = True  # otherwise the next statement would run without the settings
            raise


def refuse_foreign_end(engine: AsyncEngine) -> None:
    """Refuse what ends an owned transaction of this engine without its session."""
    for name in ("before_cursor_execute", "commit", "rollback"):
        event.listen(engine.sync_engine, name, _refuse)


def _refuse(connection: Connection, *statement: Any) -> None:
    level = connection.get_execution_options().get("isolation_level") or ""
    if statement and level.upper() != "AUTOCOMMIT" and not _ENDS.match(statement[1]):
        return  # as most statements do, so this comes first
    session = _sessions.get(connection)
    # A flush that fails rolls back, and may.
    if session is None or (session._flushing and not statement) or "owned" not in session.info:
        return
    if not statement:
        # SQLAlchemy believes now that the transaction has ended. So end it, and the session too.
        session._ended = True
        connection.connection.rollback()
    raise UnitOfWorkError(NOT_YOURS)
