"""Organisations. Each is a tenant: its `id` is the `tenant_id` of its rows."""

from sqlalchemy.orm import Mapped, mapped_column

from ..db.mixins import Timestamps
from ..db.tenancy import open_to_all_tenants
from .base import Base, PrimaryKey


class Organisation(PrimaryKey, Timestamps, Base):
    """A group of users who see only the rows of each other.

    All organisations share this table, so it has only what a log-in needs. Write other attributes of an
    organisation into a table with the mixin `Tenanted`.
    """

    __tablename__ = "organisations"
    __table_args__ = open_to_all_tenants("a log-in finds the organisation before it has a tenant")
    __repr_attributes__ = ("name",)

    name: Mapped[str] = mapped_column(unique=True)
