"""A primary key that sorts by time: UUID version 7 (RFC 9562).

Rows of one time are neighbours in the index, so inserts touch few pages. The key reveals when a row
was created, but not how many rows there are. The application creates the key, so it is known before
the row is written. Raw SQL must give its own key: PostgreSQL has `uuidv7()` since version 18.
"""

import uuid

from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils import uuid7

from ..dialect import dialect

Key = uuid.UUID


class PrimaryKey:
    """`id`, a UUID version 7 that the application creates."""

    id: Mapped[Key] = mapped_column(
        primary_key=True, default=lambda: dialect.make_uuid(uuid7().bytes), sort_order=-1
    )
