"""Posts."""

import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Index, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.mixins import Timestamps
from ..db.tenancy import Tenanted, tenant_foreign_key
from .base import Base, Key, PrimaryKey

if TYPE_CHECKING:
    from .comment import Comment
    from .user import User


class Post(Tenanted, PrimaryKey, Timestamps, Base):
    """A text of a user. It is a draft until somebody publishes it, or the worker at `publish_at`."""

    __tablename__ = "posts"
    __table_args__ = (
        tenant_foreign_key("author_id", "users.id", ondelete="CASCADE"),
        Index(None, "tenant_id", "author_id"),
        Index(None, "tenant_id", "published", "created_at", "id"),
        Index(None, "tenant_id", "publish_at", postgresql_where=text("NOT published")),
    )
    __repr_attributes__ = ("title",)

    author_id: Mapped[Key]
    title: Mapped[str]
    body: Mapped[str]
    published: Mapped[bool] = mapped_column(default=False, server_default=false())
    publish_at: Mapped[datetime.datetime | None]

    author: Mapped["User"] = relationship(back_populates="posts", lazy="raise_on_sql")
    comments: Mapped[list["Comment"]] = relationship(
        back_populates="post",
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise_on_sql",
        order_by="Comment.created_at, Comment.id",
    )
