"""A random primary key: UUID version 4.

It reveals nothing, not even when the row was created. In exchange, inserts are scattered over all
pages of the index. If the time of a row is not secret, use `uuid7.py`.
"""

import uuid

from sqlalchemy.orm import Mapped, mapped_column

from ..dialect import dialect

Key = uuid.UUID


class PrimaryKey:
    """`id`, a random UUID. The application creates it, and for raw SQL the server."""

    id: Mapped[Key] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=dialect.RANDOM_UUID, sort_order=-1
    )
