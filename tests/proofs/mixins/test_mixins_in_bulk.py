"""Timestamps, versions and hidden rows are correct after writes of many rows."""

import pytest

from shop.db import Database, UnitOfWork, errors
from tests.proofs.support.pets import People, Person


async def person(database: Database[UnitOfWork], email: str) -> Person:
    async with database.unit_of_work() as uow:
        found = await People(uow.session).one_or_none(Person.email == email)
    assert found is not None
    return found


@pytest.fixture
async def people(hidden: Database[UnitOfWork]) -> Database[UnitOfWork]:
    """Insert two more people by COPY, and hide bob."""
    async with hidden.unit_of_work() as uow:
        assert (
            await People(uow.session).insert_rows({"email": name} for name in ("ada", "bob")) == 2
        )
        await People(uow.session).delete_where(Person.email == "bob")
    return hidden


async def test_copied_rows_have_version_1(people: Database[UnitOfWork]) -> None:
    assert (await person(people, "ada")).version == 1


async def test_an_upsert_increases_the_version_and_moves_updated_at(
    people: Database[UnitOfWork],
) -> None:
    before = await person(people, "ada")
    rows = [{"id": before.id, "email": "moved"}]
    async with people.unit_of_work() as uow:
        assert await People(uow.session).upsert_rows(rows, conflict_target=[Person.id]) == 1

    after = await person(people, "moved")
    assert (after.id, after.version) == (before.id, before.version + 1)
    assert after.updated_at > before.updated_at
    assert after.created_at == before.created_at


async def test_a_hidden_row_does_not_conflict_with_an_upsert(people: Database[UnitOfWork]) -> None:
    async with people.unit_of_work() as uow:
        rows = [{"email": "bob"}, {"email": "ada"}]
        written = await People(uow.session).upsert_rows(
            rows, conflict_target=[Person.email], update=()
        )

    assert written == 1  # ada existed and did not change
    assert (await person(people, "bob")).deleted_at is None


async def test_changes_by_key_compare_and_increase_the_version(
    people: Database[UnitOfWork],
) -> None:
    before = await person(people, "ada")
    change = {"id": before.id, "version": before.version, "email": "moved"}
    async with people.unit_of_work() as uow:
        assert await People(uow.session).update_rows([change]) == 1

    after = await person(people, "moved")
    assert after.version == before.version + 1
    assert after.updated_at > before.updated_at
    with pytest.raises(errors.StaleData):
        async with people.unit_of_work() as uow:
            await People(uow.session).update_rows([change])


async def test_a_hidden_row_is_not_changed_by_key(people: Database[UnitOfWork]) -> None:
    ada = await person(people, "ada")
    async with people.unit_of_work() as uow:
        await People(uow.session).delete(await People(uow.session).get_one(ada.id))

    with pytest.raises(errors.StaleData):
        async with people.unit_of_work() as uow:
            change = {"id": ada.id, "version": ada.version + 1, "email": "moved"}
            await People(uow.session).update_rows([change])
