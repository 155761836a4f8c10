"""What is said to PostgreSQL at the begin of each transaction: one statement, whoever has a say.

A begin hook returns settings, and they hold until the transaction ends
(`set_config(name, value, is_local => true)`). However many hooks there are, they cost one round
trip, and none where they return nothing.

Limits: only transactions of the `Database`'s own sessions are covered, not connections taken from
the engine by hand. A hook that has nothing to say about its setting must write the empty string,
not leave it out: inside a savepoint, an earlier value would still stand.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, event, func, select
from sqlalchemy.orm import Session, SessionTransaction

from .guards import GuardedSession

BeginHook = Callable[[Session], Mapping[str, str]]
"""Takes the session whose transaction begins, returns names and values for `set_config`."""


class HookedSession(GuardedSession):
    """A session that runs the hooks in its `info["begin_hooks"]`."""


@event.listens_for(HookedSession, "after_begin")
def _run_begin_hooks(
    session: Session, transaction: SessionTransaction, connection: Connection
) -> None:
    if transaction.nested:  # the event comes for savepoints too
        return
    settings: dict[str, str] = {}
    for hook in session.info.get("begin_hooks", ()):
        settings.update(hook(session))
    if settings:
        connection.execute(
            select(*(func.set_config(name, value, True) for name, value in settings.items()))
        )
