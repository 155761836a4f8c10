"""A violation finds the columns of its constraint in the models, and not in the name of the constraint."""

import pytest
from sqlalchemy import Column, MetaData, UniqueConstraint, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema

from shop.db import NAMING_CONVENTION, errors


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Member(Base):
    __tablename__ = "members"
    __table_args__ = (
        UniqueConstraint("tenant", "a_name_with_many_letters_in_it", "another_long_name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[int]
    email: Mapped[str] = mapped_column(unique=True)
    a_name_with_many_letters_in_it: Mapped[str]
    another_long_name: Mapped[str]


class OtherMember(Base):
    __tablename__ = "members"
    __table_args__ = ({"schema": "other"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)


async def test_a_violation_concerns_the_columns_of_its_constraint_in_its_schema(
    session: AsyncSession,
) -> None:
    connection = await session.connection()
    await connection.execute(CreateSchema("other"))
    await connection.run_sync(Base.metadata.create_all)
    long = {"a_name_with_many_letters_in_it": "a", "another_long_name": "b"}
    row = {"id": 1, "tenant": 1, "email": "a"} | long

    async def violation(model: type[Base], **values: object) -> errors.ConstraintViolation:
        with pytest.raises(errors.ConstraintViolation) as caught:
            async with session.begin_nested():
                await session.execute(insert(model), values)
        return caught.value

    await session.execute(insert(Member), row)
    await session.execute(insert(OtherMember), {"id": 1, "email": "a"})
    email = await violation(Member, **row | {"id": 2, "tenant": 2})
    both = await violation(Member, **row | {"id": 2, "email": "b"})
    missing = await violation(Member, **row | {"id": 2, "tenant": None})
    other = await violation(OtherMember, id=2, email="a")

    assert [each.concerns(Member.email) for each in (email, both, missing, other)] == [
        *(True, False, False, False)
    ]
    assert other.concerns(OtherMember.email)
    assert not email.concerns(OtherMember.email)
    assert both.concerns(Member.tenant)
    column = Member.__table__.c.another_long_name
    assert isinstance(column, Column)
    assert both.concerns(column)  # SQLAlchemy shortened the name of the constraint
    assert missing.concerns(Member.tenant)
    assert both.constraint is not None
    assert len(both.constraint) < len(
        "uq_members_tenant_a_name_with_many_letters_in_it_another_long_name"
    )
