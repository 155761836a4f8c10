"""The table of tenants. Its first tenant does the work."""

import uuid

from sqlalchemy import Index, MetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from shop import db
from shop.db import tenancy
from shop.db.mixins import Timestamps, uuid7

from .columns import Columns


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Row(Columns, tenancy.Tenanted, uuid7.PrimaryKey, Timestamps, Base):
    __tablename__ = "tenants_rows"
    __table_args__ = (Index(None, "tenant_id", "views", "id"),)


class Rows(tenancy.Repository[Row, uuid7.Key]):
    model = Row


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.rows = Rows(session)


INFO = tenancy.Tenant(uuid.UUID(int=1))


def database(settings: db.DatabaseSettings) -> tenancy.Database[Work, db.ReadUnitOfWork]:
    """Return the database of a program for tenants."""
    return tenancy.Database(settings, Work, metadata=Base.metadata)
