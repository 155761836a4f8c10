"""Users."""

import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKeyConstraint, UniqueConstraint, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from ..db.mixins import Timestamps
from ..db.tenancy import Tenanted
from .base import Base, PrimaryKey

if TYPE_CHECKING:
    from .post import Post


class User(Tenanted, PrimaryKey, Timestamps, Base):
    """A person who writes posts, and who can transfer credits to others of the same organisation."""

    __tablename__ = "users"
    __table_args__ = (
        # Each other table of an organisation refers to its users.
        ForeignKeyConstraint(["tenant_id"], ["organisations.id"], ondelete="RESTRICT"),
        UniqueConstraint("tenant_id", "email"),
        UniqueConstraint("tenant_id", "username"),
        CheckConstraint("credits >= 0", name="credits_not_negative"),
        # This also holds for the writers that pass by the validator below, such as COPY.
        CheckConstraint("email = lower(email)", name="email_in_lower_case"),
    )
    __repr_attributes__ = ("username",)

    email: Mapped[str]
    username: Mapped[str]
    password_hash: Mapped[str]
    credits: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    bio: Mapped[str | None]
    deactivated_at: Mapped[datetime.datetime | None]

    # The foreign key deletes a user's posts, so SQLAlchemy does not load them before.
    posts: Mapped[list["Post"]] = relationship(
        back_populates="author",
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise_on_sql",
    )

    @hybrid_property
    def active(self) -> bool:
        """Whether the user may log in. `User.active` is the same as a condition of a query."""
        return self.deactivated_at is None

    @active.inplace.expression
    @classmethod
    def _active(cls) -> ColumnElement[bool]:
        return cls.deactivated_at.is_(None)

    @validates("email")
    def _in_lower_case(self, _: str, email: str) -> str:
        return email.lower()  # otherwise two spellings would be two addresses
