"""Rows that newer code wrote: old code meets a label or a class that it does not know.

That is common while a deployment runs. Each way of reading tells it by one error, without the value.
"""

import enum
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import product

import pytest
import sqlalchemy as sa
from sqlalchemy import ARRAY, Enum, ForeignKey, MetaData, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
)

from shop import db
from shop.db import Database, DatabaseSettings, errors
from shop.db.mixins import bigint
from tests.proofs.support.things import SECRET, judge


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Color(enum.Enum):
    RED = "red"


class Owner(bigint.PrimaryKey, Base):
    __tablename__ = "nr_owners"

    cars: Mapped[list["Car"]] = relationship()


class Car(bigint.PrimaryKey, Base):
    __tablename__ = "nr_cars"

    plate: Mapped[str] = mapped_column(unique=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("nr_owners.id"), index=True)
    color: Mapped[Color] = mapped_column(default=Color.RED)
    gear: Mapped[str] = mapped_column(Enum("manual", name="nr_gear"), default="manual")
    extras: Mapped[list[str]] = mapped_column(
        ARRAY(Enum("radio", native_enum=False, length=9)), default=[]
    )
    kind: Mapped[str]

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "car"}


class Truck(Car):
    __mapper_args__ = {"polymorphic_identity": "truck"}


class Cars(db.Repository[Car, int]):
    model = Car


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.cars = Cars(session)


TABLE = Base.metadata.tables["nr_cars"]

# The columns, each with a value that this code does not know.
NEWER = {
    "color": f"'{SECRET}'",
    "gear": f"'{SECRET}'",
    "extras": f"ARRAY['{SECRET}']",
    "kind": f"'{SECRET}'",
}


@pytest.fixture
async def cars(proof_settings: DatabaseSettings) -> AsyncIterator[Database[Work]]:
    async with Database(proof_settings, Work) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.unit_of_work() as work:
            work.session.add(Owner(id=1, cars=[Car(id=1, plate="a")]))
        async with database.engine.begin() as connection:  # the migration of the newer code
            await connection.execute(text(f"ALTER TYPE nr_gear ADD VALUE '{SECRET}'"))
            await connection.execute(text("ALTER TABLE nr_cars DROP CONSTRAINT ck_nr_cars_color"))
        yield database


Read = Callable[[Work, Owner, Car], Awaitable[object]]


async def read_a_stream(work: Work, owner: Owner, car: Car) -> None:
    async with work.cars.stream() as partitions:
        async for _ in partitions:
            pass


async def read_a_stream_of_the_session(work: Work, owner: Owner, car: Car) -> None:
    async for _ in await work.session.stream(select(Car)):
        pass


def loaded(option: Callable[..., sa.sql.base.ExecutableOption]) -> Read:
    return lambda work, owner, car: work.session.scalars(select(Owner).options(option(Owner.cars)))


OPTIONS = {"selectin": selectinload, "joined": joinedload, "subquery": subqueryload}
READS: dict[str, Read] = {
    "get": lambda work, owner, car: work.cars.get(1),
    "get with a lock": lambda work, owner, car: work.cars.get(1, with_for_update=True),
    "get_one": lambda work, owner, car: work.cars.get_one(1),
    "one_or_none": lambda work, owner, car: work.cars.one_or_none(Car.plate == "a"),
    "all": lambda work, owner, car: work.cars.all(),
    "all_and_count": lambda work, owner, car: work.cars.all_and_count(order_by=Car.id, limit=1),
    "paginate": lambda work, owner, car: work.cars.paginate(order_by=Car.plate, limit=1),
    "stream": read_a_stream,
    "upsert": lambda work, owner, car: work.cars.upsert(
        {"plate": "a", "owner_id": 1}, conflict_target=[Car.plate], update=[Car.owner_id]
    ),
    "returning": lambda work, owner, car: work.session.scalars(
        sa.update(Car).values(plate="b").returning(Car)
    ),
    "merge": lambda work, owner, car: work.session.merge(Car(id=1, plate="b")),
    "refresh": lambda work, owner, car: work.session.refresh(car),
    **{f"{name} load": loaded(option) for name, option in OPTIONS.items()},
    "lazy load": lambda work, owner, car: owner.awaitable_attrs.cars,
    "stream of the session": read_a_stream_of_the_session,
}
# Here the program reads without a method of the layer. So the error becomes one of the tree when it
# leaves the unit of work.
LATE = {"lazy load", "stream of the session"}
KEEPING = {"refresh", "lazy load"}


@pytest.mark.parametrize("column", NEWER)
async def test_a_row_of_newer_code_is_an_error_of_the_tree(
    cars: Database[Work], column: str
) -> None:
    # A refresh does not change the class of an entity.
    reads = {name: read for name, read in READS.items() if (name, column) != ("refresh", "kind")}
    for name, read in reads.items():
        inside: Exception | None = None
        with pytest.raises(errors.Error) as raised:
            async with cars.unit_of_work() as work:
                owner, car = await work.session.get_one(Owner, 1), await work.cars.get_one(1)
                newer = sa.update(TABLE).values({column: text(NEWER[column])})
                await work.session.execute(newer)
                if name == "refresh":
                    work.session.expunge(owner)
                elif name in KEEPING:
                    work.session.expunge(car)
                else:
                    work.session.expunge_all()
                try:
                    await read(work, owner, car)
                except Exception as error:
                    inside = error
                    raise
        judge(raised.value, errors.SchemaMismatch)
        assert "deploy newer code" in str(raised.value)
        assert isinstance(inside, errors.Error) or name in LATE, (name, inside)
    print(f"{column}: {len(reads)} ways of reading")


OWN = [LookupError("a"), KeyError("a"), AssertionError("a")]


@pytest.mark.parametrize(("error", "has_cause"), [*product(OWN, [False, True])])
async def test_an_error_of_the_program_passes_unchanged(
    cars: Database[Work], error: Exception, has_cause: bool
) -> None:
    with pytest.raises(type(error)) as raised:
        async with cars.unit_of_work() as work:
            try:
                await work.session.execute(text("SELECT 1 / 0"))
            except errors.DatabaseError as failed:
                raise error from failed if has_cause else None

    assert raised.value is error
