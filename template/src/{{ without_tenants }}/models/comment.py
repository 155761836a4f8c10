"""Comments."""

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.mixins import Timestamps
from .base import Base, Key, PrimaryKey

if TYPE_CHECKING:
    from .post import Post
    from .user import User


class Comment(PrimaryKey, Timestamps, Base):
    """A text that a user writes about a post."""

    __tablename__ = "comments"

    post_id: Mapped[Key] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), index=True)
    author_id: Mapped[Key] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]

    post: Mapped["Post"] = relationship(back_populates="comments", lazy="raise_on_sql")
    author: Mapped["User"] = relationship(lazy="raise_on_sql")
