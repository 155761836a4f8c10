"""The times at which a row was created and last changed, by the server's clock.

Limits: `now()` is the beginning of the transaction, so all rows of one transaction have the same
time. A flush, `update()` of SQLAlchemy and a repository's `upsert` set `updated_at`. Raw SQL and
your own ON CONFLICT must set it. After an `update()` refresh the entities in the session, or let it
return them: `.returning(Model)` with the execution option `populate_existing=True`.
"""

import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column


class Timestamps:
    """`created_at` and `updated_at`, with time zone."""

    created_at: Mapped[datetime.datetime] = mapped_column(server_default=func.now(), sort_order=1)
    updated_at: Mapped[datetime.datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), sort_order=1
    )
