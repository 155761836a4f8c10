"""The column of soft delete; `repository/hidden.py` hides the rows."""

import datetime

from sqlalchemy.orm import Mapped, mapped_column

from .inheritance import FollowsRows


class SoftDelete(FollowsRows):
    """`deleted_at`: the time at which the row was hidden, or NULL.

    It has no index: most rows are not hidden, so the planner would not use one. Give the indexes of
    your queries the predicate `deleted_at IS NULL`; `indexes.py` of the dialect shows how.
    """

    deleted_at: Mapped[datetime.datetime | None] = mapped_column(sort_order=1)
