"""Soft delete: which queries leave out hidden rows."""

from typing import Any

import pytest
from sqlalchemy import Select, event, exists, func, select, union_all, update
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload, subqueryload

from shop.db import Database
from tests.proofs.support.pets import SHOWN, Person, Pet, Toy, Work

P = aliased(Person)
BOTH = union_all(select(Person), select(Person).where(Person.id < 0))

# Queries by name. Each returns the one row that is not hidden, or the number 1.
SELECTS: dict[str, Select[Any]] = {
    "entities": select(Person),
    "columns": select(Person.email),
    "an alias": select(P),
    "a count": select(func.count()).select_from(Person),
    "a scalar subquery": select(select(func.count(Person.id)).scalar_subquery()),
    "a subquery": select(func.count()).select_from(select(Person).subquery()),
    "a CTE": select(func.count()).select_from(select(Person).cte()),
    "an alias of a union": select(aliased(Person, BOTH.subquery())),
    "IN a subquery": select(Toy).where(Toy.pet_id.in_(select(Pet.id))),
    "EXISTS": select(Toy).where(exists().where(Pet.id == Toy.pet_id)),
    "has": select(Toy).where(Toy.pet.has()),
    "any": select(Person).where(Person.pets.any()),
    "a join": select(Toy).join(Toy.pet).join(Pet.person),
    "a join by hand": select(Toy).join(Pet, Pet.id == Toy.pet_id),
    "a join to an alias": select(Toy).join(Toy.pet.of_type(aliased(Pet))),
}


@pytest.mark.parametrize("name", SELECTS)
async def test_a_select_leaves_out_hidden_rows(hidden: Database[Work], name: str) -> None:
    async with hidden.unit_of_work() as work:
        rows = (await work.session.execute(SELECTS[name])).all()
        shown = (await work.session.execute(SELECTS[name], execution_options=SHOWN)).all()

    counted = [row[0] for row in (*rows, *shown) if isinstance(row[0], int)]
    assert counted == [1, 2] if counted else (len(rows), len(shown)) == (1, 2)


async def test_a_union_leaves_out_hidden_rows(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        scalars = work.session.scalars
        assert [row.email for row in await scalars(select(Person).from_statement(BOTH))] == ["here"]
        assert (await scalars(union_all(select(Person.email)))).all() == ["here"]


@pytest.mark.parametrize("load", [selectinload, subqueryload, joinedload])
async def test_an_eager_load_leaves_out_hidden_rows(hidden: Database[Work], load: Any) -> None:
    statement = select(Person).options(load(Person.pets).options(load(Pet.toys)))
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        work.session.add(Pet(name="second", person_id=person.id))
        await work.session.execute(
            update(Pet).where(Pet.name == "here").values(deleted_at=func.now())
        )
        work.session.expunge_all()

        [person] = (await work.session.scalars(statement)).unique()
        assert [pet.name for pet in person.pets] == ["second"]
        work.session.expunge_all()
        people = (await work.session.scalars(statement, execution_options=SHOWN)).unique()
        assert sorted(pet.name for each in people for pet in each.pets) == [
            *("gone", "here", "second")
        ]


async def test_a_later_load_leaves_out_hidden_rows_too(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        person = await work.people.add(Person(email="new", pets=[Pet(name="a"), Pet(name="b")]))
        await work.session.execute(update(Pet).where(Pet.name == "a").values(deleted_at=func.now()))
        await work.session.refresh(person, ["pets"])
        assert [pet.name for pet in person.pets] == ["b"]


async def test_the_criterion_is_written_once(hidden: Database[Work]) -> None:
    statements: list[str] = []
    event.listen(
        hidden.engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    async with hidden.unit_of_work() as work:
        load = selectinload(Person.pets).selectinload(Pet.person)
        await work.session.scalars(select(Person).options(load, selectinload(Person.pets)))

    assert len(statements) > 1
    assert all(statement.count("IS NULL") == 1 for statement in statements)


async def test_a_required_parent_that_is_hidden_is_none(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        for load in selectinload, joinedload:
            toys = await work.session.scalars(select(Toy).options(load(Toy.pet)))
            parents: list[Pet | None] = [toy.pet for toy in toys]
            assert len(parents) == 2
            assert None in parents
            work.session.expunge_all()
        inner = select(Toy).options(joinedload(Toy.pet, innerjoin=True))
        assert len((await work.session.scalars(inner)).all()) == 1


async def test_contains_eager_loads_the_rows_of_the_join(hidden: Database[Work]) -> None:
    statement = select(Toy).outerjoin(Toy.pet).options(contains_eager(Toy.pet))
    async with hidden.unit_of_work() as work:
        parents: list[Pet | None] = [toy.pet for toy in await work.session.scalars(statement)]

    assert parents.count(None) == 1


async def test_every_method_of_a_repository_leaves_out_hidden_rows(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        [gone] = await work.session.scalars(
            select(Person.id).where(Person.email == "gone"), execution_options=SHOWN
        )
        people = work.people
        assert await people.get(gone) is None
        assert await people.get(gone, with_for_update=True) is None
        assert await people.get(gone, options=[selectinload(Person.pets)]) is None
        assert not await people.exists(Person.email == "gone")
        assert await people.count() == len(await people.all()) == 1
        shown = await work.session.get(Person, gone, execution_options=SHOWN)
        assert shown is not None
