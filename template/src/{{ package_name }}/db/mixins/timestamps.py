"""When a row was made and last changed, by the server's clock.

Limits: `now()` is the begin of the transaction, so all rows of one transaction agree. `updated_at`
follows changes through SQLAlchemy, by a flush or by `update()`; raw SQL must set it itself, and so
must an ON CONFLICT of your own (a repository's `upsert` does). After an `update()` the entities at
hand must be refreshed, unless it returns them: `.returning(Model)` with the execution option
`populate_existing=True`.
"""

import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column


class Timestamps:
    """`created_at` and `updated_at`, aware."""

    created_at: Mapped[datetime.datetime] = mapped_column(server_default=func.now(), sort_order=1)
    updated_at: Mapped[datetime.datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), sort_order=1
    )
