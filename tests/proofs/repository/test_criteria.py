"""Methods with criteria change the rows that somebody meant, and tell the session about it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy import and_, func, or_, select, true
from sqlalchemy.orm import aliased

from shop import db
from shop.db import UNSET, Database, UnitOfWork, errors
from tests.proofs.support.fleet import (
    Animal,
    Animals,
    Asset,
    Car,
    Cat,
    Cats,
    Note,
    Notes,
    Thing,
    Things,
    Vehicles,
    difference,
    rows_of_all_tables,
)

UNJOINED = r"^the criteria do not join [a-z_1]+(, [a-z_1]+)+, so they choose all rows"


def unjoined() -> Iterable[tuple[type[db.Repository[Any, int]], Any]]:
    other = aliased(Thing)
    yield Things, Animal.name == "n1"
    yield Things, other.name == "n1"
    yield Things, (Thing.name == "n1") & (Animal.name == "n1")
    yield Things, Animal.id == Asset.id
    yield Vehicles, Car.size == 1
    yield Cats, Asset.name == "n1"
    yield Notes, Thing.size == 1


def joined() -> Iterable[tuple[type[db.Repository[Any, int]], Any, int]]:
    other = aliased(Thing)
    yield Things, Thing.name == "n1", 1
    yield Things, true(), 3
    yield Things, Thing.name == Animal.name, 3
    yield Things, (Thing.id == other.id) & (other.name == "n1"), 1
    yield Things, Thing.id.in_(select(Animal.id).where(Animal.name == "n1")), 1
    yield Things, select(Animal.id).where(Animal.id == Thing.id).exists(), 3
    yield Things, select(func.max(Animal.id)).scalar_subquery() > Thing.id, 3
    yield Cats, Cat.name == Thing.name, 3
    yield Notes, Note.id == Thing.id, 3


async def test_criteria_that_do_not_join_are_refused_before_anything_changes(
    fleet: Database[UnitOfWork],
) -> None:
    for repository, criterion in unjoined():
        for write in ("delete_where", "update_where"):
            async with fleet.sessions() as session:
                before = await rows_of_all_tables(session)
                with pytest.raises(TypeError, match=UNJOINED):
                    values = {"name": "new"} if write == "update_where" else {}
                    await getattr(repository(session), write)(criterion, **values)
                assert difference(before, await rows_of_all_tables(session)) == set()


async def test_criteria_that_join_are_not_refused(fleet: Database[UnitOfWork]) -> None:
    for repository, criterion, number in joined():
        async with fleet.sessions() as session:
            assert await repository(session).delete_where(criterion) == number
        async with fleet.sessions() as session:
            assert await repository(session).update_where(criterion, name="new") == number


@pytest.mark.parametrize("repository", [Things, Cats, Notes])
async def test_no_criteria_are_refused(
    fleet: Database[UnitOfWork], repository: type[db.Repository[Any, int]]
) -> None:
    async with fleet.sessions() as session:
        with pytest.raises(TypeError, match=r"needs criteria: for all rows, write true\(\)"):
            await repository(session).delete_where()
        with pytest.raises(TypeError, match=r"needs criteria: for all rows, write true\(\)"):
            await repository(session).update_where(name="new")


@pytest.mark.filterwarnings("ignore:Invoking")  # SQLAlchemy only warns, and would write all rows
@pytest.mark.parametrize("empty", [and_, or_])
async def test_an_empty_list_of_criteria_is_refused(
    fleet: Database[UnitOfWork], empty: Callable[[], Any]
) -> None:
    async with fleet.sessions() as session:
        with pytest.raises(TypeError, match=r"needs criteria: for all rows, write true\(\)"):
            await Things(session).delete_where(empty(), empty())
        with pytest.raises(TypeError, match=r"needs criteria: for all rows, write true\(\)"):
            await Things(session).update_where(empty(), name="new")
        assert await Things(session).delete_where(empty(), Thing.name == "n1") == 1


async def test_entities_in_the_session_get_the_new_values(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        now = (await uow.session.scalars(select(func.now()))).one()
        first, second = [await uow.session.get_one(Thing, key) for key in (1, 2)]
        assert await Things(uow.session).update_where(Thing.id == 1, size=Thing.size + 10) == 1

        assert (first.size, first.version, first.updated_at) == (11, 2, now)
        assert (second.size, second.version) == (2, 1)
        assert not uow.session.is_modified(first)
        await Things(uow.session).update(first, name="new")  # its version is known
        assert first.version == 3


async def test_what_was_changed_before_is_written_first(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        first = await uow.session.get_one(Thing, 1)
        first.name = "changed"
        assert await Things(uow.session).update_where(Thing.name == "changed", size=5) == 1
        assert (first.name, first.size) == ("changed", 5)


async def test_hidden_rows_do_not_change(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        notes = Notes(uow.session)
        assert await notes.delete_where(Note.id == 1) == 1
        assert await notes.update_where(true(), name="new") == 2
        assert (await notes.restore(1)).name == "n1"


async def test_only_rows_of_the_class_change(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        assert await Cats(uow.session).update_where(true(), name="new") == 3
        assert await Animals(uow.session).count(Animal.name == "new") == 3
        assert await Animals(uow.session).update_where(true(), name="all") == 7


async def test_a_column_is_needed_and_unset_leaves_it_alone(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        things = Things(uow.session)
        with pytest.raises(TypeError, match="Thing has no column nome"):
            await things.update_where(true(), nome="new")
        assert await things.update_where(true(), name=UNSET, size=7) == 3
        assert await things.update_where(true(), name=UNSET) == 0
        assert await things.count(Thing.size == 7, Thing.version == 2, Thing.name != "new") == 3


async def test_a_violation_is_an_error_of_the_layer(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        with pytest.raises(errors.NotNullViolation):
            async with uow.savepoint():
                await Things(uow.session).update_where(true(), name=None)
        with pytest.raises(errors.UniqueViolation):
            async with uow.savepoint():
                await Things(uow.session).update_where(Thing.id == 1, id=2)
