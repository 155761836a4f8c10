"""Comments."""

from typing import TYPE_CHECKING

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, relationship

from ..db.mixins import Timestamps
from ..db.tenancy import Tenanted, tenant_foreign_key
from .base import Base, Key, PrimaryKey

if TYPE_CHECKING:
    from .post import Post
    from .user import User


class Comment(Tenanted, PrimaryKey, Timestamps, Base):
    """A text that a user writes about a post."""

    __tablename__ = "comments"
    __table_args__ = (
        tenant_foreign_key("post_id", "posts.id", ondelete="CASCADE"),
        tenant_foreign_key("author_id", "users.id", ondelete="CASCADE"),
        Index(None, "tenant_id", "post_id"),
        Index(None, "tenant_id", "author_id"),
    )

    post_id: Mapped[Key]
    author_id: Mapped[Key]
    text: Mapped[str]

    post: Mapped["Post"] = relationship(back_populates="comments", lazy="raise_on_sql")
    # Both relationships write `tenant_id`, and always the same value.
    author: Mapped["User"] = relationship(lazy="raise_on_sql", overlaps="post,comments")
