"""Who acts: given to a unit of work, and told to PostgreSQL at the beginning of its transaction.

::

    database = Database(settings, UnitOfWork, begin_hooks=(actor_hook,))

    async with database.unit_of_work(info=Actor(request.user.id)) as uow:
        …

Limits: without the hook, or without an actor, an entry has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Args:
        name: any name or key; the log shows what `str()` makes of it.
    """

    name: object


def actor_hook(session: Session) -> Mapping[str, str]:
    """The begin hook that tells PostgreSQL who acts; give it to the `Database`."""
    actor = session.info.get(Actor)
    return {"app.actor": str(actor.name) if actor else ""}
