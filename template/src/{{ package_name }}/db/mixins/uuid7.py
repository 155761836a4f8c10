"""A primary key that sorts by time: UUID version 7 (RFC 9562).

Rows of one time are neighbours in the index, so inserts touch few pages. The key reveals when a row
was created, but not how many rows there are. The application creates the key, so it is known before
the row is written. Raw SQL must give its own key: PostgreSQL has `uuidv7()` since version 18.
"""

import uuid

from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

Key = uuid.UUID


class PrimaryKey:
    """`id`, a UUID version 7 that the application creates."""

    id: Mapped[Key] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)
