"""Users."""

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.mixins import Timestamps
from .base import Base, PrimaryKey

if TYPE_CHECKING:
    from .post import Post


class User(PrimaryKey, Timestamps, Base):
    """Somebody who writes posts and has credits to give away."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("credits >= 0", name="credits_not_negative"),)
    __repr_attributes__ = ("username",)

    email: Mapped[str] = mapped_column(unique=True)
    username: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    credits: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    bio: Mapped[str | None]

    # The foreign key deletes a user's posts; SQLAlchemy need not load them for that.
    posts: Mapped[list["Post"]] = relationship(
        back_populates="author", cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )
