"""A primary key that sorts by time: UUID version 7 (RFC 9562).

Neighbours in time are neighbours in the index, so inserts touch few pages, and no sequence tells
outsiders how many rows there are. It does tell when a row was made. The application makes the key,
so it is known before the row is written; SQL outside of the application must bring its own
(PostgreSQL has `uuidv7()` from version 18 on).
"""

import uuid

from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

Key = uuid.UUID


class PrimaryKey:
    """`id`, a UUID version 7 made by the application."""

    id: Mapped[Key] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)
