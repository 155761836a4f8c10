"""Types of SQLite: how its few storage classes store Python's types."""

import datetime
import uuid
from functools import partial
from typing import Any

from sqlalchemy import Dialect, Integer, make_url, text
from sqlalchemy.dialects import sqlite


class Instant(sqlite.DATETIME):
    """A datetime with time zone, stored as text in UTC that sorts by time, in the form of
    CURRENT_TIMESTAMP."""

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write a value as text."""

        def write(value: datetime.datetime | None) -> str | None:
            if value is None:
                return None
            return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(" ")

        return write

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Read a value from text."""

        def read(value: str | None) -> datetime.datetime | None:
            if value is None:
                return None
            return datetime.datetime.fromisoformat(value).replace(tzinfo=datetime.UTC)

        return read


SQL_DIALECT = make_url("sqlite+aiosqlite://").get_dialect()()
"""SQLAlchemy's dialect. It knows how the types of models are stored, and has no connection."""

TYPE_ANNOTATION_MAP: dict[Any, Any] = {
    datetime.datetime: Instant(timezone=True),  # type: ignore[no-untyped-call]  # SQLAlchemy has no type for it
    dict[str, object]: sqlite.JSON(none_as_null=True),
    dict[str, Any]: sqlite.JSON(none_as_null=True),
}
"""Column types of `Mapped[…]` that other systems do not have."""

BIGINT_KEY = Integer()
"""SQLite generates keys only for a column of exactly this type, which has 64 bits."""

RANDOM_UUID = text("(lower(hex(randomblob(16))))")
"""A server default that makes a random UUID, in the form that SQLAlchemy writes."""

make_uuid = partial(uuid.UUID, None)
"""A function that takes the 16 bytes of a UUID."""


def is_storable(value: object) -> bool:
    """Return whether SQLite can store a value that its Python type allows."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63
