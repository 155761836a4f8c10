"""Two tables with the same columns, `items` to read and `targets` to write, and their models.

The models of advanced-alchemy use its own base class, as its documentation recommends. Their
columns are the same. Only the times differ: its base class takes them from Python's clock, and ours
from the server.
"""

from advanced_alchemy.base import UUIDv7AuditBase
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import BigInteger, Index, MetaData, Text, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db.mixins import Timestamps, uuid7


class Columns:
    code: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    published: Mapped[bool]
    views: Mapped[int] = mapped_column(BigInteger)


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Item(Columns, uuid7.PrimaryKey, Timestamps, Base):
    __tablename__ = "items"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "published", text("views DESC"), text("id DESC")),
    )


class Target(Columns, uuid7.PrimaryKey, Timestamps, Base):
    __tablename__ = "targets"


class AlchemyItem(Columns, UUIDv7AuditBase):
    __tablename__ = "items"


class AlchemyTarget(Columns, UUIDv7AuditBase):
    __tablename__ = "targets"


class Items(db.Repository[Item, uuid7.Key]):
    model = Item


class Targets(db.Repository[Target, uuid7.Key]):
    model = Target


class AlchemyItems(SQLAlchemyAsyncRepository[AlchemyItem]):
    model_type = AlchemyItem


class AlchemyTargets(SQLAlchemyAsyncRepository[AlchemyTarget]):
    model_type = AlchemyTarget


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.items = Items(session)
        self.targets = Targets(session)
