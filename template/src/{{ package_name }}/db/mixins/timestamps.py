"""The times at which a row was created and last changed, by the server's clock.

Limits: `now()` is the beginning of the transaction, so all rows of one transaction have the same
time. A flush, `update()` of SQLAlchemy and a repository's methods set `updated_at`. Raw SQL and
your own ON CONFLICT must set it. After an `update()` refresh the entities in the session, or let it
return them: `.returning(Model)` with the execution option `populate_existing=True`.
"""

import datetime
from typing import Any

from sqlalchemy import Connection, event, func
from sqlalchemy.orm import Mapped, Mapper, mapped_column, object_session

from .inheritance import FollowsRows


class CreatedAt:
    """`created_at`, with time zone. This is for rows that never change, such as those of an association."""

    created_at: Mapped[datetime.datetime] = mapped_column(server_default=func.now(), sort_order=1)


class Timestamps(FollowsRows):
    """`created_at` and `updated_at`, with time zone."""

    # Not inherited from `CreatedAt`, since the order of the columns would change.
    created_at: Mapped[datetime.datetime] = mapped_column(server_default=func.now(), sort_order=1)
    updated_at: Mapped[datetime.datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), sort_order=1
    )


@event.listens_for(Timestamps, "before_update", propagate=True)
def _touch(mapper: Mapper[Any], _: Connection, entity: Timestamps) -> None:
    # A change of the subclass's table alone would be no UPDATE of the table with `updated_at`.
    session = object_session(entity) if len(mapper.tables) > 1 else None
    if session and session.is_modified(entity, include_collections=False):
        entity.updated_at = func.now()  # a flush takes SQL, too
