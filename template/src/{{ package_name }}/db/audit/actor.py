"""Who acts: said once at the entry point, and told to PostgreSQL at the begin of each transaction.

::

    database = Database(settings, UnitOfWork, begin_hooks=(actor_hook,))

    with acting_as(request.user.id):
        async with database.unit_of_work() as uow:
            …

It follows the task, and tasks that are started inside of it. A dependency of a framework that runs in
a thread of its own cannot set it for its handler; one that is `async` can.

Limits: a transaction has the actor of its begin, its first statement. Without the hook, or without an
actor, an entry has none.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy.orm import Session

_actor: ContextVar[str] = ContextVar("actor", default="")


@contextmanager
def acting_as(actor: object) -> Iterator[None]:
    """Let what happens inside be done by somebody.

    Args:
        actor: any name or key, as the log shall show it; what `str()` makes of it.
    """
    token = _actor.set(str(actor))
    try:
        yield
    finally:
        _actor.reset(token)


def actor_hook(_: Session) -> Mapping[str, str]:
    """The begin hook that tells PostgreSQL who acts; give it to the `Database`."""
    return {"app.actor": _actor.get()}  # empty for nobody, see begin.py
