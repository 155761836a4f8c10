"""Models that do not keep tenants apart are named, each with what to write."""

from sqlalchemy import ForeignKey, Index, MetaData, UniqueConstraint, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db.mixins import bigint, uuid7
from shop.db.tenancy import Tenanted, open_to_all_tenants
from shop.db.tenancy.model import problems
from tests.proofs.tenancy.tables import Base


def test_the_models_of_the_proofs_keep_tenants_apart() -> None:
    assert problems(Base.metadata) == []


def test_models_that_do_not_keep_tenants_apart_are_named() -> None:
    class Base(db.Base, DeclarativeBase):
        metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
        type_annotation_map = db.TYPE_ANNOTATION_MAP

    class User(Tenanted, bigint.PrimaryKey, Base):
        __tablename__ = "users"
        __table_args__ = (UniqueConstraint("email"), Index("ix_name", "name", unique=True))

        email: Mapped[str]
        name: Mapped[str]
        boss: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
        plan: Mapped[int] = mapped_column(ForeignKey("plans.id", ondelete="CASCADE"))
        next_plan: Mapped[int | None] = mapped_column(ForeignKey("plans.id", ondelete="SET NULL"))
        old_plan: Mapped[int | None] = mapped_column(ForeignKey("plans.id", ondelete="RESTRICT"))

    class Forgotten(bigint.PrimaryKey, Base):
        __tablename__ = "forgotten"

    class Plan(bigint.PrimaryKey, Base):
        __tablename__ = "plans"
        __table_args__ = open_to_all_tenants("everybody")

    class Half(uuid7.PrimaryKey, Base):
        __tablename__ = "half"

        tenant_id: Mapped[object | None] = mapped_column(Uuid())

    class Wide(bigint.PrimaryKey, Base):
        __tablename__ = "wide"
        __table_args__ = open_to_all_tenants("everybody")

        user: Mapped[int] = mapped_column(ForeignKey("users.id"))

    assert sorted(problems(Base.metadata)) == [
        'forgotten belongs to no tenant, and does not say why: mix in Tenanted, or add open_to_all_tenants("…") to its '
        "__table_args__",
        "half.tenant_id may be NULL, so a row can belong to nobody: write nullable=False",
        'half: "pk_half" must have tenant_id, or it reveals rows of others',
        "half: begin its primary key with tenant_id",
        'users: "fk_users_boss_users" can refer to rows of others: write tenant_foreign_key(…)',
        'users: "fk_users_next_plan_plans" would change rows of all tenants: write ondelete="RESTRICT"',
        'users: "fk_users_plan_plans" would change rows of all tenants: write ondelete="RESTRICT"',
        'users: "ix_name" must have tenant_id, or it reveals rows of others',
        'users: "uq_users_email" must have tenant_id, or it reveals rows of others',
        "wide is open to all, and refers to a tenant's table: mix in Tenanted",
    ]
