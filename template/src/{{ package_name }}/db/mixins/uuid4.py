"""A random primary key: UUID version 4.

It tells nothing, not even when the row was made. The price is an index whose inserts are scattered
over all of its pages; where the time is no secret, `uuid7.py` is the better one.
"""

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

Key = uuid.UUID


class PrimaryKey:
    """`id`, a random UUID, made by the application or, for SQL outside of it, by the server."""

    id: Mapped[Key] = mapped_column(
        primary_key=True,
        default=uuid.uuid4,
        server_default=text("gen_random_uuid()"),
        sort_order=-1,
    )
