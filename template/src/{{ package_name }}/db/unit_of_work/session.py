"""The session of a unit of work: settings at BEGIN, and a close that never leaks a connection."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import IllegalStateChangeError
from sqlalchemy.orm import Session, SessionTransaction

from ..engine.translation import SHARED_SESSION
from ..errors import UnitOfWorkError
from .begin import apply_settings


class GuardedSession(Session):
    """A session that refuses a second task, and can always be closed."""

    _flushing_now = False
    _abandoned = False

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write what is pending.

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
        """Close now, or as soon as another task has the connection that it is waiting for."""
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
    if not transaction.nested:  # the event comes for savepoints too
        apply_settings(session, connection)
