"""Proofs of the layer on SQLite. `test_sqlite.py` runs this file in a copy of the project."""

import datetime
import sys
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select, text

from shop.db.errors import (
    ForeignKeyViolation,
    InvalidCursor,
    NotNullViolation,
    ReadOnlyTransaction,
    StaleData,
    TransientError,
    UniqueViolation,
)
from tests.proofs.dialect.tables import Note, Person, Shop, Ticket, Work, database, people

__all__ = ["database"]

EPOCH = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)


def test_nothing_of_postgresql_is_loaded() -> None:
    loaded = {
        "asyncpg",
        "sqlalchemy.dialects.postgresql",
        "shop.db.postgresql",
    } & sys.modules.keys()

    assert not loaded


async def test_adds_a_row_and_gets_it_again(database: Shop) -> None:
    async with database.unit_of_work() as work:
        added = await work.people.add(
            Person(email="ada@example.org", born=EPOCH, details={"a": [1]})
        )
        assert (added.id, added.name, added.version) == (1, "nobody", 1)
    async with database.unit_of_work() as work:
        person = await work.people.get_one(added.id)

    assert (person.born, person.details, person.badge) == (EPOCH, {"a": [1]}, None)
    assert abs(person.created_at - datetime.datetime.now(datetime.UTC)).total_seconds() < 60


async def test_makes_keys_in_the_program_and_on_the_server(database: Shop) -> None:
    async with database.unit_of_work() as work:
        await work.session.execute(text("INSERT INTO tickets (number) VALUES (1)"))
        work.session.add(Ticket(number=2))
        await work.session.flush()
        keys = (await work.session.scalars(select(Ticket.id))).all()

    assert len(set(keys)) == 2
    assert all(isinstance(key, uuid.UUID) for key in keys)


async def test_increases_versions_and_refuses_old_ones(database: Shop) -> None:
    async with database.unit_of_work() as work:
        await work.people.insert_rows(people("ada"))
        ada = (await work.people.all())[0]
        await work.people.update(ada, name="Ada")
        assert (ada.version, ada.updated_at.tzinfo) == (2, datetime.UTC)

        with pytest.raises(StaleData):
            await work.people.update_rows([{"id": 1, "version": 1, "name": "Eve"}])
        assert await work.people.update_rows([{"id": 1, "version": 2, "name": "Countess"}]) == 1
        assert [row.name for row in await work.session.execute(select(Person.name))] == ["Countess"]


@pytest.mark.parametrize(
    "order_by",
    [
        [Person.born],
        [Person.born.desc().nulls_last(), Person.name],
        [Person.created_at, Person.badge.desc()],
        [func.lower(Person.name, type_=Person.name.type).desc()],
    ],
    ids=["ascending", "by two columns", "by equal times", "by an expression"],
)
async def test_pages_forward_and_back_past_nulls(database: Shop, order_by: list[Any]) -> None:
    async with database.unit_of_work() as work:
        for number, name in enumerate("abcdefg"):
            born = EPOCH + datetime.timedelta(microseconds=number) if number % 3 else None
            badge = number if number % 2 else None
            await work.people.insert_rows(people(name, born=born, badge=badge))
    async with database.unit_of_work(read_only=True) as read:
        page = await read.people.paginate(order_by=order_by, limit=2)
        forward, backward = [*page.items], list[Person]()
        while page.next:
            page = await read.people.paginate(order_by=order_by, limit=2, cursor=page.next)
            forward += page.items
        while page.previous:
            page = await read.people.paginate(order_by=order_by, limit=2, cursor=page.previous)
            backward[:0] = page.items
        with pytest.raises(InvalidCursor):
            await read.people.paginate(order_by=order_by, limit=2, cursor="abc")

    assert sorted(each.name for each in forward) == list("abcdefg")
    assert backward == forward[:-1]  # the last page has one row


async def test_inserts_rows_in_bulk(database: Shop) -> None:
    async with database.unit_of_work() as work:
        rows = (row for number in range(12_000) for row in people(str(number), born=EPOCH))
        assert await work.people.insert_rows(rows) == 12_000
    async with database.unit_of_work() as work:
        assert await work.people.count(Person.born == EPOCH, Person.version == 1) == 12_000


async def test_inserts_rows_whose_default_is_sql(database: Shop) -> None:
    async with database.unit_of_work() as work:
        assert await work.notes.insert_rows([{"text": "one"}, {"text": "two"}]) == 2
        assert [note.length for note in await work.notes.all()] == [4, 4]


async def test_upserts_rows_and_the_last_of_each_key_wins(database: Shop) -> None:
    async with database.unit_of_work() as work:
        await work.people.insert_rows(people("ada", "bob"))
        rows = [*people("bob", badge=1), *people("cid", badge=2), *people("bob", badge=3)]
        assert await work.people.upsert_rows(rows, conflict_target=[Person.email]) == 2
        bob = await work.people.one_or_none(Person.name == "bob")

        assert bob is not None
        assert (bob.id, bob.badge, bob.version) == (2, 3, 2)
        assert await work.names() == ["ada", "bob", "cid"]


async def test_inserts_missing_rows_and_finds_all_of_them(database: Shop) -> None:
    async with database.unit_of_work() as work:
        assert await work.people.insert_missing_rows(people("ada"), conflict_target=["email"]) == 1
        rows = people("bob", "ada", "bob")
        found = await work.people.get_or_add_rows(rows, conflict_target=["email"])
        again = await work.people.get_by_keys([found[1].id, found[0].id])

        assert [person.name for person in found] == ["bob", "ada", "bob"]
        assert again == [found[1], found[0]]
        assert await work.people.insert_missing_rows(people("ada"), conflict_target=["email"]) == 0
        badges = [*people("cid", badge=1), *people("dan", badge=2)]
        cid, dan = await work.people.get_or_add_rows(badges, conflict_target=["badge"])
        assert (cid.name, dan.name) == ("cid", "dan")


async def test_upserts_a_row_and_returns_it(database: Shop) -> None:
    async with database.unit_of_work() as work:
        [row] = people("ada", details={"b": None})
        added = await work.people.upsert(row, conflict_target="uq_people_email")
        changed = await work.people.upsert(row | {"badge": 7}, conflict_target=["email"])
        left_alone = await work.people.upsert(row, conflict_target=["email"], update=())

        assert added is changed
        assert (added.badge, added.version, added.details) == (7, 2, {"b": None})  # type: ignore[union-attr]  # the row above
        assert left_alone is None


async def test_upserts_by_a_partial_index(database: Shop) -> None:
    async with database.unit_of_work() as work:
        await work.people.insert_rows(people("ada", badge=1))
        rows = [*people("Ada", badge=1), *people("bob", badge=None), *people("cid", badge=None)]
        await work.people.upsert_rows(rows, conflict_target=["badge"], update=["name"])

        assert await work.names() == ["Ada", "bob", "cid"]


async def test_a_duplicate_is_a_unique_violation(database: Shop) -> None:
    async with database.unit_of_work() as work:
        await work.people.add(Person(email="ada@example.org"))
        with pytest.raises(UniqueViolation):
            async with work.savepoint():
                await work.people.add(Person(email="ada@example.org"))
        with pytest.raises(UniqueViolation):
            await work.people.insert_rows(people("bob", "ada"))
        with pytest.raises(NotNullViolation):
            await work.people.upsert_rows(
                [{"email": "a@example.org", "name": None}], conflict_target=["email"]
            )
    async with database.unit_of_work() as work:
        assert await work.people.count() == 1


async def test_a_constraint_can_fail_at_commit(database: Shop) -> None:
    with pytest.raises(ForeignKeyViolation):
        async with database.unit_of_work() as work:
            work.session.add(Ticket(number=1, person_id=99))
    async with database.unit_of_work() as work:
        assert (await work.session.scalars(select(func.count(Ticket.id)))).one() == 0


async def test_streams_locks_and_deletes_rows(database: Shop) -> None:
    async with database.unit_of_work() as work:
        await work.people.insert_rows(people("ada", "bob", "cid", "dan"))
        async with work.people.stream(order_by=[Person.name.desc()], yield_per=3) as partitions:
            names = [[each.name for each in partition] async for partition in partitions]
        assert names == [["dan", "cid", "bob"], ["ada"]]
        assert await work.people.get(1, with_for_update={"skip_locked": True})
        assert await work.people.delete_by_keys([1, 2, 9]) == 2
        assert await work.people.delete_where(Person.name == "cid") == 1
        assert await work.people.all_and_count(order_by=[Person.id], limit=1, offset=5) == ([], 1)


async def test_rolls_back_when_the_block_raises(database: Shop) -> None:
    with pytest.raises(LookupError):
        async with database.unit_of_work() as work:
            await work.people.insert_rows(people("ada"))
            raise LookupError
    async with database.unit_of_work() as work:
        assert await work.people.count() == 0


async def test_a_read_only_unit_of_work_changes_nothing(database: Shop) -> None:
    with pytest.raises(ReadOnlyTransaction):
        async with database.unit_of_work(read_only=True) as read:
            await read.people.add(Person(email="ada@example.org"))
    async with database.unit_of_work() as work:  # on the same connection
        await work.people.add(Person(email="ada@example.org"))


async def test_runs_work_again_while_another_session_writes(database: Shop) -> None:
    attempts = 0

    async def add(work: Work) -> None:
        nonlocal attempts
        attempts += 1
        await work.people.add(Person(email="ada@example.org"))

    async with database.engine.begin():  # it may write: BEGIN IMMEDIATE
        with pytest.raises(TransientError):
            await database.transact(add, attempts=2, isolation_level="SERIALIZABLE")
    await database.transact(add)

    assert attempts == 3
    assert (await database.health()).ok


async def test_hides_a_row_and_shows_it_again(database: Shop) -> None:
    async with database.unit_of_work() as work:
        note = await work.notes.add(Note(text="one"))
        await work.notes.delete(note)
        assert await work.notes.get(note.id) is None
        assert (await work.notes.restore(note.id)).deleted_at is None
