"""Rows that are hidden instead of deleted; see `db/soft_delete.py`, which hides them."""

import datetime

from sqlalchemy.orm import Mapped, mapped_column


class SoftDelete:
    """`deleted_at`, NULL while the row is alive.

    It has no index: most rows are alive, so the planner would not use one. Put
    `postgresql_where=text("deleted_at IS NULL")` on the indexes that your queries need.
    """

    deleted_at: Mapped[datetime.datetime | None] = mapped_column(sort_order=1)
