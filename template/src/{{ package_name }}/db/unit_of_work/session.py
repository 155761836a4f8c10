"""The session of a unit of work. It runs begin hooks, and its close never leaks a connection."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import IllegalStateChangeError
from sqlalchemy.orm import Session, SessionTransaction

from ..engine.translation import SHARED_SESSION
from ..errors import UnitOfWorkError
from .settings_at_begin import apply_settings


class GuardedSession(Session):
    """A session that refuses to be used by two tasks, and that can always be closed."""

    _flushing_now = False
    _abandoned = False

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write the pending changes.

        Raises:
            UnitOfWorkError: another task is flushing this session.
        """
        if self._flushing_now:
            raise UnitOfWorkError(SHARED_SESSION)
        self._flushing_now = True
        try:
            super().flush(objects)
        finally:
            self._flushing_now = False

    def close(self) -> None:
        """Close now. If another task waits for a connection here, close when it gets one."""
        try:
            super().close()
        except IllegalStateChangeError:
            self._abandoned = True


@event.listens_for(GuardedSession, "after_begin")
def _begin(
    session: GuardedSession, transaction: SessionTransaction, connection: Connection
) -> None:
    if session._abandoned:
        connection.close()
        raise UnitOfWorkError(SHARED_SESSION)
    if not transaction.nested:  # a savepoint also causes this event
        apply_settings(session, connection)
