"""Posts."""

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.mixins import Timestamps
from .base import Base, Key, PrimaryKey

if TYPE_CHECKING:
    from .user import User


class Post(PrimaryKey, Timestamps, Base):
    """What a user writes; a draft until it is published."""

    __tablename__ = "posts"
    __table_args__ = (Index(None, "published", "created_at", "id"),)
    __repr_attributes__ = ("title",)

    author_id: Mapped[Key] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    body: Mapped[str]
    published: Mapped[bool] = mapped_column(default=False, server_default=false())

    author: Mapped["User"] = relationship(back_populates="posts", lazy="raise")
