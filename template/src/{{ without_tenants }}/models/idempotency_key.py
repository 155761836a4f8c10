"""Requests that must not take effect twice."""

from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ..db.mixins import Timestamps
from .base import Base, Key, PrimaryKey


class IdempotencyKey(PrimaryKey, Timestamps, Base):
    """The key of a request that a user may send again, and the response to it.

    A client can repeat a request safely until its row is deleted. Delete old rows from time to time.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("user_id", "operation", "key"),)

    user_id: Mapped[Key] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    operation: Mapped[str]
    key: Mapped[str]
    request_hash: Mapped[str]
    response: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
