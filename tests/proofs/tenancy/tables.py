"""Tenants' tables: a shop's customers and orders, a log, and countries that all tenants share.

Each database is made by a superuser. The `Database` of a proof logs in as a role that owns nothing.
"""

import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import URL, Index, MetaData, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shop import db
from shop.db import DatabaseSettings
from shop.db.audit import Audited
from shop.db.audit import AuditEntry as AuditEntryMixin
from shop.db.mixins import Versioned
from shop.db.mixins.uuid7 import PrimaryKey
from shop.db.tenancy import (
    Database,
    ReadRepository,
    Repository,
    Tenant,
    Tenanted,
    TenantedLog,
    TenantKey,
    open_to_all_tenants,
    tenant_foreign_key,
)
from tools.sources import connect

TENANTS = [Tenant(uuid.UUID(int=number)) for number in range(1, 5)]
A, B, C, D = TENANTS


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class AuditEntry(TenantedLog, AuditEntryMixin, Base):
    pass


class Country(Base):
    __tablename__ = "countries"
    __table_args__ = open_to_all_tenants("the countries of the world")

    code: Mapped[str] = mapped_column(primary_key=True)


class Customer(Tenanted, PrimaryKey, Audited, Base):
    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    email: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")


class Order(Tenanted, PrimaryKey, Versioned, Base):
    __tablename__ = "orders"
    __table_args__ = (
        tenant_foreign_key("customer_id", "customers.id", ondelete="SET NULL"),
        Index(None, "tenant_id", "customer_id"),
    )

    customer_id: Mapped[uuid.UUID | None]
    amount: Mapped[int]
    customer: Mapped[Customer | None] = relationship(lazy="raise_on_sql")


class CustomerQueries(ReadRepository[Customer, uuid.UUID]):
    model = Customer


class Customers(db.Repository[Customer, TenantKey]):
    model = Customer


class Orders(Repository[Order, uuid.UUID]):
    model = Order


class UnitOfWork(db.UnitOfWork):
    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.customers = Customers(session)
        self.orders = Orders(session)


class ReadUnitOfWork(db.ReadUnitOfWork):
    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.customers = CustomerQueries(session)


Shop = Database[UnitOfWork, ReadUnitOfWork]


def shop_on(url: URL, **options: Any) -> Shop:
    """Return the database of the program, with these settings."""
    settings = DatabaseSettings(_env_file=None, url=url, **options)
    return Database(settings, UnitOfWork, ReadUnitOfWork, metadata=Base.metadata)


async def make_tables(connection: AsyncConnection) -> None:
    await connection.run_sync(Base.metadata.create_all)


async def grant(connection: AsyncConnection, role: str) -> None:
    """Give a role the rights of a program."""
    for statement in (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ):
        await connection.exec_driver_sql(statement)


@pytest.fixture(scope="module")
async def login(postgres_url: URL) -> AsyncIterator[URL]:
    """The server, as a role of the program sees it."""
    role = f"clerk_{secrets.token_hex(4)}"
    async with connect(postgres_url) as server:
        await server.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
    yield postgres_url.set(username=role, password=role)
    async with connect(postgres_url) as server:
        await server.exec_driver_sql(f"DROP ROLE {role}")


@pytest.fixture
async def owner(
    fresh_database_url: URL, postgres_url: URL, login: URL
) -> AsyncIterator[AsyncConnection]:
    """A connection of the superuser, in autocommit mode, to a new database with the tables."""
    url = postgres_url.set(database=fresh_database_url.database)
    async with connect(url) as connection:
        await make_tables(connection)
        await grant(connection, str(login.username))
        yield connection


@pytest.fixture
def shop_url(owner: AsyncConnection, login: URL) -> URL:
    """The URL of the program, on the new database."""
    return login.set(database=owner.engine.url.database)


@pytest.fixture
async def shop(shop_url: URL) -> AsyncIterator[Shop]:
    """The program's database."""
    async with shop_on(shop_url) as shop:
        yield shop


async def rows(owner: AsyncConnection, query: str, **values: object) -> Sequence[Any]:
    """Return what the superuser finds."""
    return (await owner.execute(text(query), values)).all()
