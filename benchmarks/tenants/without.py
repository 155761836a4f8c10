"""The table without tenants. The process that uses it does not import `shop.db.tenancy`."""

from sqlalchemy import Index, MetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from shop import db
from shop.db.mixins import Timestamps, uuid7

from .columns import Columns


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Row(Columns, uuid7.PrimaryKey, Timestamps, Base):
    __tablename__ = "free_rows"
    __table_args__ = (Index(None, "views", "id"),)


class Rows(db.Repository[Row, uuid7.Key]):
    model = Row


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.rows = Rows(session)


INFO = ()


def database(settings: db.DatabaseSettings) -> db.Database[Work]:
    """Return the database of a program without tenants."""
    return db.Database(settings, Work)
