"""Tables for proofs. They do not depend on the example."""

import enum
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import URL, CheckConstraint, ForeignKey, MetaData, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.mixins import CreatedAt, Timestamps, bigint, uuid4, uuid7


class ProofBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Owner(bigint.PrimaryKey, ProofBase):
    __tablename__ = "owners"


class Account(bigint.PrimaryKey, Timestamps, ProofBase):
    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("balance >= 0", name="balance_not_negative"),
        ExcludeConstraint(("room", "="), using="btree"),
    )
    __repr_attributes__ = ("name",)

    name: Mapped[str] = mapped_column(unique=True)
    balance: Mapped[int] = mapped_column(default=0)
    secret: Mapped[str | None]
    room: Mapped[int | None]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"), index=True)
    price: Mapped[Decimal | None]
    details: Mapped[dict[str, object] | None]


class Random(uuid4.PrimaryKey, ProofBase):
    __tablename__ = "randoms"


class Sorted(uuid7.PrimaryKey, ProofBase):
    __tablename__ = "sorteds"


class Seat(ProofBase):
    """A composite key."""

    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("hall", "guest"),)

    hall: Mapped[str] = mapped_column(String(10), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guest: Mapped[str]


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Paint(bigint.PrimaryKey, ProofBase):
    __tablename__ = "paints"

    color: Mapped[Color]


class Visit(CreatedAt, ProofBase):
    """An association row, which never changes."""

    __tablename__ = "visits"

    owner_id: Mapped[int] = mapped_column(ForeignKey("owners.id"), primary_key=True)


class Accounts(db.Repository[Account, int]):
    model = Account


class Seats(db.Repository[Seat, tuple[str, int]]):
    model = Seat


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.accounts = Accounts(session)
        self.seats = Seats(session)


@pytest.fixture
def proof_settings(fresh_database_url: URL) -> DatabaseSettings:
    return DatabaseSettings(_env_file=None, url=fresh_database_url)


@pytest.fixture
async def bank(proof_settings: DatabaseSettings) -> AsyncIterator[Database[Work]]:
    """A database for this test alone, with these tables and two accounts of 100."""
    async with Database(proof_settings, Work) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(ProofBase.metadata.create_all)
        async with database.unit_of_work() as work:
            await work.accounts.add_many(
                [Account(name="a", balance=100), Account(name="b", balance=100)]
            )
        yield database


async def names(database: Database[Work]) -> list[str]:
    """Return the committed balances."""
    async with database.unit_of_work() as work:
        return [account.name for account in await work.accounts.all(order_by=[Account.id])]
