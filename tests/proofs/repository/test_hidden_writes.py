"""Soft delete: how rows are hidden and restored, and which statements ignore that."""

import pytest
from sqlalchemy import delete, func, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql

from shop.db import Database, errors
from tests.proofs.support.pets import SHOWN, HideBase, People, Person, Pet, Slot, Toy, Work

DELETED = select(Person.id).where(Person.email == "gone").execution_options(include_deleted=True)


async def test_the_session_does_not_find_a_deleted_row(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        version = person.version
        await work.people.delete(person)

        assert await work.people.get(person.id) is None
        assert person not in work.session
        assert person.deleted_at is not None  # it can be read: it did not expire
        assert person.version == version + 1
        assert person.updated_at == person.deleted_at


async def test_a_deleted_entity_keeps_what_was_loaded(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        [person] = await work.people.all()
        await work.session.refresh(person, ["pets"])
        await work.people.delete(person)

    assert [pet.name for pet in person.pets] == ["here"]


async def test_a_row_that_another_transaction_hid_is_still_in_the_session(
    hidden: Database[Work],
) -> None:
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        async with hidden.sessions.begin() as other:
            await People(other).delete_by_keys([person.id])

        assert await work.people.get(person.id) is person
        assert await work.people.get(person.id, with_for_update=True) is None


async def test_a_hidden_entity_can_be_refreshed(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        [gone] = await work.session.scalars(
            select(Person).where(Person.email == "gone"), execution_options=SHOWN
        )
        await work.session.refresh(gone)
        assert gone.deleted_at is not None


async def test_one_statement_hides_many_rows(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        await work.people.add_many(Person(email=f"many {number}") for number in range(3))
        first, second, third = await work.people.all(
            Person.email.startswith("many"), order_by=[Person.email]
        )

        assert await work.people.delete_by_keys([first.id, second.id, 0]) == 2
        assert await work.people.delete_by_keys([first.id]) == 0  # it is hidden already
        assert await work.people.delete_by_keys([]) == 0
        assert await work.people.get(first.id) is None
        assert await work.people.get(third.id) is third
        assert await work.people.delete_where(Person.email.startswith("many")) == 1
        assert await work.people.get(third.id) is None
        assert await work.emails() == ["here"]


async def test_a_composite_key_is_hidden_restored_and_purged(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        slots = await work.slots.add_many([Slot(hall="A", number=1), Slot(hall="A", number=2)])
        await work.slots.delete(slots[0])
        assert await work.slots.delete_by_keys([("A", 1), ("A", 2)]) == 1
        assert (await work.slots.restore(("A", 1))).deleted_at is None
        await work.slots.purge(("A", 2))

        assert await work.slots.count() == 1


async def test_a_restored_row_is_found_again(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        await work.people.delete(person)
        restored = await work.people.restore(person.id)

        assert restored in work.session
        assert (restored.deleted_at, restored.version) == (None, person.version + 1)
        assert await work.people.get(person.id) is restored
        await work.people.update(restored, email="changed")
        with pytest.raises(errors.NotFound, match="no hidden Person"):
            await work.people.restore(person.id)


async def test_a_hidden_row_cannot_be_restored_after_its_email_was_used_again(
    hidden: Database[Work],
) -> None:
    [index] = HideBase.metadata.tables["people"].indexes
    assert index.name == "ix_people_email_where_deleted_at_is_null"
    async with hidden.unit_of_work() as work:
        gone = (await work.session.scalars(DELETED)).one()
        await work.people.add(Person(email="gone"))
        with pytest.raises(errors.UniqueViolation):
            async with work.savepoint():
                await work.people.add(Person(email="gone"))
        with pytest.raises(errors.UniqueViolation) as violation:
            async with work.savepoint():
                await work.people.restore(gone)
        assert violation.value.constraint == "ix_people_email_where_deleted_at_is_null"
        assert await work.emails() == ["gone", "here"]


async def test_a_partial_unique_index_is_no_target_of_a_foreign_key(
    hidden: Database[Work],
) -> None:
    with pytest.raises(errors.DatabaseError) as refused:
        async with hidden.unit_of_work() as work:
            await work.session.execute(
                text("CREATE TABLE letters (email text REFERENCES people (email))")
            )
    assert refused.value.sqlstate == "42830"


async def test_an_upsert_must_name_the_predicate_of_the_index(hidden: Database[Work]) -> None:
    upsert = postgresql.insert(Person).values(email="here")
    async with hidden.unit_of_work() as work:
        with pytest.raises(errors.DatabaseError) as refused:
            async with work.savepoint():
                await work.session.execute(upsert.on_conflict_do_nothing(index_elements=["email"]))
        assert refused.value.sqlstate == "42P10"
        await work.session.execute(
            upsert.on_conflict_do_nothing(
                index_elements=["email"], index_where=text("deleted_at IS NULL")
            )
        )
        assert await work.emails() == ["here"]


async def test_an_upsert_by_key_changes_a_hidden_row_and_leaves_it_hidden(
    hidden: Database[Work],
) -> None:
    async with hidden.unit_of_work() as work:
        gone = (await work.session.scalars(DELETED)).one()
        upsert = postgresql.insert(Person).values(id=gone, email="changed")
        await work.session.execute(
            upsert.on_conflict_do_update(index_elements=["id"], set_={"email": "changed"})
        )
        assert await work.emails() == ["here"]
        assert await work.emails(**SHOWN) == ["changed", "here"]


async def test_an_update_leaves_hidden_rows_alone(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        await work.session.execute(update(Person).values(email="changed"))
        assert await work.emails(**SHOWN) == ["changed", "gone"]
        await work.session.execute(
            update(Person).where(Person.id == Pet.person_id).values(email=Pet.name + "!")
        )
        assert await work.emails(**SHOWN) == ["gone", "here!"]


async def test_a_delete_statement_is_refused_without_include_deleted(
    hidden: Database[Work],
) -> None:
    async with hidden.unit_of_work() as work:
        with pytest.raises(errors.UnitOfWorkError, match="Person has soft delete"):
            await work.session.execute(delete(Person))
        assert await work.emails(**SHOWN) == ["gone", "here"]
        await work.session.execute(delete(Toy))
        await work.session.execute(delete(Person), execution_options=SHOWN)
        assert await work.emails(**SHOWN) == []


async def test_an_update_of_rows_by_key_is_refused_without_include_deleted(
    hidden: Database[Work],
) -> None:
    async with hidden.unit_of_work() as work:
        gone = (await work.session.scalars(DELETED)).one()
        rows = [{"id": gone, "version": 2, "email": "changed"}]
        with pytest.raises(errors.UnitOfWorkError, match="include_deleted=True"):
            await work.session.execute(update(Person), rows)
        await work.session.execute(update(Person), rows, execution_options=SHOWN)
        assert await work.emails(**SHOWN) == ["changed", "here"]


async def test_the_session_refuses_to_delete(hidden: Database[Work]) -> None:
    with pytest.raises(errors.UnitOfWorkError, match="Slot has soft delete"):
        async with hidden.unit_of_work() as work:
            slot = await work.slots.add(Slot(hall="A", number=1))
            await work.session.delete(slot)


async def test_an_orphan_is_not_deleted_either(hidden: Database[Work]) -> None:
    with pytest.raises(errors.UnitOfWorkError, match="Pet has soft delete"):
        async with hidden.unit_of_work() as work:
            person = await work.person("here")
            await work.session.refresh(person, ["pets"])
            person.pets.clear()


async def test_rows_that_refer_to_a_hidden_row_stay_until_it_is_purged(
    hidden: Database[Work],
) -> None:
    count = select(func.count()).select_from(Pet.__table__)
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        await work.people.delete(person)
        assert await work.session.scalar(count) == 2
        await work.people.purge(person.id)
        assert await work.session.scalar(count) == 1
        with pytest.raises(errors.NotFound, match="no Person"):
            await work.people.purge(person.id)


async def test_a_purged_row_leaves_the_session(hidden: Database[Work]) -> None:
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        await work.people.purge(person.id)
        assert await work.people.get(person.id) is None


async def test_a_stale_row_is_not_hidden(hidden: Database[Work]) -> None:
    with pytest.raises(errors.StaleData):
        async with hidden.unit_of_work() as work:
            person = await work.person("here")
            async with hidden.sessions.begin() as other:
                await other.execute(update(Person).values(email="changed"))
            await work.people.delete(person)
    async with hidden.unit_of_work() as work:
        assert await work.emails() == ["changed"]


async def test_core_and_sql_see_all_rows(hidden: Database[Work]) -> None:
    """The documentation names these ways to see hidden rows."""
    people, pets = HideBase.metadata.tables["people"], HideBase.metadata.tables["pets"]
    async with hidden.unit_of_work() as work:
        execute = work.session.execute
        assert len((await execute(select(people.c.id))).all()) == 2
        assert len((await execute(text("SELECT id FROM people"))).all()) == 2
        copied = insert(Pet).from_select(
            ["name", "person_id"], select(literal("copy"), Person.id), include_defaults=False
        )
        await execute(copied)
        assert len((await execute(select(pets).where(pets.c.name == "copy"))).all()) == 2
        await execute(update(people).values(email=people.c.email + "!"))
        await execute(delete(pets))
        assert await work.emails(**SHOWN) == ["gone!", "here!"]
