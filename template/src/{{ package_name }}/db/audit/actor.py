"""The actor. A program gives it to a unit of work, and a begin hook tells it to PostgreSQL.

::

    database = Database(settings, UnitOfWork, begin_hooks=(actor_hook,))

    async with database.unit_of_work(info=Actor(request.user.id)) as uow:
        …

Limits: without the hook, or without an actor, the entries have no actor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program that acts.

    Args:
        name: any name or key. The log has its `str()`. None means no actor.
    """

    name: object


def actor_hook(session: Session) -> Mapping[str, str]:
    """Return the setting that tells PostgreSQL who acts. Give this begin hook to the `Database`."""
    actor = session.info.get(Actor)
    return {"app.actor": "" if actor is None or actor.name is None else str(actor.name)}
