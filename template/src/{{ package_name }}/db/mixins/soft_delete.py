"""The column of soft delete; `repository/hidden.py` hides the rows."""

import datetime

from sqlalchemy.orm import Mapped, mapped_column


class SoftDelete:
    """`deleted_at`, NULL while the row is alive.

    It has no index: most rows are alive, so the planner would not use one. Give the indexes of your
    queries `postgresql_where=text("deleted_at IS NULL")`.
    """

    deleted_at: Mapped[datetime.datetime | None] = mapped_column(sort_order=1)
