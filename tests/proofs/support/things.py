"""A table with a column of each kind that can refuse a value, and what an error may tell."""

import datetime
import enum
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import ARRAY, DateTime, ForeignKey, MetaData, String, case
from sqlalchemy.dialects.postgresql import DOMAIN, TSTZMULTIRANGE, TSTZRANGE, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.mixins import bigint

SECRET = "s3" + "cr3t"  # the source lines of a traceback do not have it in one piece


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Color(enum.Enum):
    RED = "red"


class Shelf(bigint.PrimaryKey, Base):
    __tablename__ = "fe_shelves"

    things: Mapped[list["Thing"]] = relationship(lazy="raise_on_sql")


class Thing(bigint.PrimaryKey, Base):
    __tablename__ = "fe_things"

    name: Mapped[str] = mapped_column(unique=True)
    code: Mapped[str | None] = mapped_column(String(3))
    count: Mapped[int | None]
    token: Mapped[uuid.UUID | None]
    color: Mapped[Color | None]
    moment: Mapped[datetime.datetime | None]
    since: Mapped[datetime.datetime | None] = mapped_column(
        DOMAIN("fe_past", DateTime(timezone=True), check="VALUE < now()")
    )
    data: Mapped[dict[str, object] | None]
    period: Mapped[Range[datetime.datetime] | None] = mapped_column(TSTZRANGE)
    periods: Mapped[list[Range[datetime.datetime]] | None] = mapped_column(TSTZMULTIRANGE)
    breaks: Mapped[list[Range[datetime.datetime] | None] | None] = mapped_column(ARRAY(TSTZRANGE))
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("fe_shelves.id"), index=True)


class Parcel(bigint.PrimaryKey, Base):
    """An expression says which class a row has."""

    __tablename__ = "fe_parcels"

    size: Mapped[int] = mapped_column()
    __mapper_args__ = {
        "polymorphic_on": case((size > 5, "big"), else_="small"),
        "polymorphic_identity": "small",
    }


class BigParcel(Parcel):
    __mapper_args__ = {"polymorphic_identity": "big"}


class Things(db.Repository[Thing, int]):
    model = Thing


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.things = Things(session)


@pytest.fixture
async def things_database(proof_settings: DatabaseSettings) -> AsyncIterator[Database[Work]]:
    async with Database(proof_settings, Work) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.unit_of_work() as work:
            await work.things.add_many([Thing(name="a"), Thing(name="b")])
        yield database


Call = Callable[[Things, Thing], Awaitable[object]]


def judge(error: BaseException, *kinds: type[Exception]) -> None:
    """Fail unless the error is of these kinds, and tells neither SQL nor a value."""
    assert isinstance(error, kinds), repr(error)
    logged = "".join(traceback.format_exception(error))
    sentence = str(error)
    assert SECRET not in logged, logged
    assert "\n" not in sentence
    assert 2 < len(sentence.split()) <= 40, sentence
    assert not any(word in sentence for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "SQL:"))
    assert "[SQL:" not in logged, logged
