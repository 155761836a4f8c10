"""Every way to change a row adds an entry to the log, in the same transaction."""

from decimal import Decimal

import pytest
from sqlalchemy import delete, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase

from shop import db
from shop.db import Database
from shop.db.audit import Audited
from shop.db.mixins import bigint
from tests.proofs.audit.tables import (
    AuditEntry,
    Author,
    Book,
    LibraryBase,
    Namesake,
    Seat,
    Visit,
    changes,
    entries,
)

Library = Database[db.UnitOfWork]


async def test_writes_of_the_orm_are_logged(library: Library) -> None:
    async with library.unit_of_work() as work:
        author = Author(name="a", born=1815)
        work.session.add(author)
    async with library.unit_of_work() as work:
        author = await work.session.get_one(Author, author.id)
        author.born = None
        author.name = "b"
    async with library.unit_of_work() as work:
        await work.session.delete(await work.session.get_one(Author, author.id))

    assert await changes(library) == [
        ("insert", "authors", None, {"id": author.id, "name": "a", "born": 1815}),
        ("update", "authors", {"name": "a", "born": 1815}, {"name": "b", "born": None}),
        ("delete", "authors", {"id": author.id, "name": "b", "born": None}, None),
    ]


async def test_an_entry_has_its_time_its_transaction_and_its_role(library: Library) -> None:
    async with library.unit_of_work() as work:
        work.session.add_all([Author(name="a"), Author(name="b")])
        await work.session.flush()
        now, transaction, user = (
            await work.session.execute(
                text("SELECT now(), pg_current_xact_id()::text::bigint, session_user::text")
            )
        ).one()
    async with library.unit_of_work() as work:
        work.session.add(Author(name="c"))
    async with library.unit_of_work() as work:
        a, b, c = await entries(work.session)

    assert (a.at, a.transaction_id, a.db_user, a.table_schema) == (now, transaction, user, "public")
    assert (b.at, b.transaction_id) == (now, transaction)
    assert c.transaction_id > transaction
    assert a.id < b.id < c.id


async def test_bulk_statements_are_logged_row_by_row(library: Library) -> None:
    async with library.unit_of_work() as work:
        await work.session.execute(insert(Author), [{"name": "a"}, {"name": "b"}])
        await work.session.execute(update(Author).values(born=1))
        await work.session.execute(delete(Author).where(Author.name == "a"))

    assert [
        (operation, new and new.get("born")) for operation, _, _, new in await changes(library)
    ] == [
        ("insert", None),
        ("insert", None),
        ("update", 1),
        ("update", 1),
        ("delete", None),
    ]


async def test_an_upsert_is_logged_as_an_insert_or_an_update(library: Library) -> None:
    upsert = postgresql.insert(Author).values([{"name": "a", "born": 2}, {"name": "b", "born": 2}])
    upsert = upsert.on_conflict_do_update(
        index_elements=[Author.name], set_={"born": upsert.excluded.born}
    )

    async with library.unit_of_work() as work:
        await work.session.execute(insert(Author), [{"name": "a", "born": 1}])
        await work.session.execute(upsert)

    assert [(operation, old) for operation, _, old, _ in await changes(library)] == [
        ("insert", None),
        ("update", {"born": 1}),
        ("insert", None),
    ]


async def test_a_raw_copy_is_logged(library: Library) -> None:
    async with library.engine.begin() as connection:
        await connection.execute(select(literal(1)))
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        await raw.copy_records_to_table(
            "authors", records=[("a", "s"), ("b", "s")], columns=["name", "secret"]
        )

    assert [new and new["name"] for *_, new in await changes(library)] == ["a", "b"]


async def test_rows_that_a_foreign_key_deletes_are_logged(library: Library) -> None:
    async with library.unit_of_work() as work:
        author = Author(name="a")
        work.session.add(author)
        await work.session.flush()
        work.session.add_all([Book(author_id=author.id, title=title) for title in "xy"])
    async with library.unit_of_work() as work:
        await work.session.execute(delete(Author))

    deleted = [
        (table, old) for operation, table, old, _ in await changes(library) if operation == "delete"
    ]
    assert sorted(table for table, _ in deleted) == ["authors", "books", "books"]
    assert sorted(old["title"] for table, old in deleted if table == "books" and old) == ["x", "y"]


async def test_rollbacks_of_transactions_and_savepoints_remove_their_entries(
    library: Library,
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with library.unit_of_work() as work:
            work.session.add(Author(name="lost"))
            await work.session.flush()
            assert len(await entries(work.session)) == 1
            raise ZeroDivisionError
    async with library.unit_of_work() as work:
        work.session.add(Author(name="kept"))
        with pytest.raises(ZeroDivisionError):
            async with work.savepoint():
                work.session.add(Author(name="undone"))
                await work.session.flush()
                raise ZeroDivisionError

    assert [new and new["name"] for *_, new in await changes(library)] == ["kept"]


async def test_an_excluded_value_is_nowhere_in_the_log(library: Library) -> None:
    upsert = postgresql.insert(Author).values(name="a", secret="hush 2")
    upsert = upsert.on_conflict_do_update(
        index_elements=[Author.name], set_={"secret": upsert.excluded.secret, "born": 1}
    )
    async with library.unit_of_work() as work:
        author = Author(name="a", secret="hush 1")
        work.session.add(author)
        await work.session.flush()
        await work.session.execute(upsert)
        await work.session.execute(update(Author).values(secret="hush 3"))
        await work.session.execute(delete(Author))
        work.session.add(Seat(hall="a", number=1, guest="hush 4"))
        await work.session.flush()
        log = list(await work.session.scalars(text("SELECT audit_log::text FROM audit_log")))

    assert len(log) == 5
    assert not [row for row in log if "hush" in row or "secret" in row or "who sat" in row]


async def test_an_update_of_excluded_columns_is_logged_without_values(library: Library) -> None:
    async with library.unit_of_work() as work:
        work.session.add(Author(name="a", secret="s"))
        await work.session.flush()
        await work.session.execute(update(Author).values(secret="t"))

    assert (await changes(library))[1:] == [("update", "authors", {}, {})]


async def test_an_update_that_changes_nothing_is_not_logged(library: Library) -> None:
    async with library.unit_of_work() as work:
        work.session.add(Author(name="a", secret="s"))
        await work.session.flush()
        await work.session.execute(update(Author).values(name="a", secret="s"))

    assert len(await changes(library)) == 1


async def test_values_of_every_type_are_logged(library: Library) -> None:
    async with library.unit_of_work() as work:
        author = Author(name="a")
        work.session.add(author)
        await work.session.flush()
        book = Book(author_id=author.id, title="é", price=Decimal("1.50"), tags=["x"], raw={"a": 1})
        work.session.add(book)
        await work.session.flush()
        await work.session.execute(update(Book).values(raw={"a": 2}))

    (*_, inserted), updated = (await changes(library))[1:]
    assert inserted is not None
    assert inserted.items() >= {"title": "é", "price": 1.5, "tags": ["x"], "raw": {"a": 1}}.items()
    assert updated == ("update", "books", {"raw": {"a": 1}}, {"raw": {"a": 2}})


@pytest.mark.parametrize(
    ("column", "before", "after", "values"),
    [
        ("price", "1.0", "1.00", ({"price": "1.0"}, {"price": "1.00"})),
        ("raw", """'{"a": 1, "a": 2}'""", """'{"a": 2}'""", ({}, {})),  # the log has jsonb
        ("raw", "'1.0'", "'1.00'", ({"raw": "1.0"}, {"raw": "1.00"})),
    ],
)
async def test_a_change_that_jsonb_does_not_see_is_logged(
    library: Library, column: str, before: str, after: str, values: tuple[object, object]
) -> None:
    async with library.unit_of_work() as work:
        author = Author(name="a")
        work.session.add(author)
        await work.session.flush()
        insert = (
            f"INSERT INTO books (author_id, title, {column}) VALUES ({author.id}, 'x', {before})"  # noqa: S608  # constants
        )
        await work.session.execute(text(insert.replace(":", r"\:")))
        change = f"UPDATE books SET {column} = {after}"  # noqa: S608  # constants
        await work.session.execute(text(change.replace(":", r"\:")))
        entry = "FROM audit_log WHERE operation = 'update'"
        as_text = f"SELECT old ->> '{column}', new ->> '{column}' {entry}"
        [(old, new)] = (await work.session.execute(text(as_text))).all()

    assert [{column: each} if each else {} for each in (old, new)] == [*values]


async def test_entries_are_found_by_the_class_and_the_key_of_their_row(library: Library) -> None:
    async with library.unit_of_work() as work:
        author = Author(name="a")
        seats = [Seat(hall="it's", number=1, note="x"), Seat(hall="it's", number=2)]
        work.session.add_all([author, *seats, Namesake(id=1)])
        await work.session.flush()
        work.session.add(Book(id=1, author_id=author.id, title="x"))
        await work.session.flush()
        await work.session.execute(update(Seat).values(note="y"))
        await work.session.execute(delete(Seat).where(Seat.number == 1))

        seat = AuditEntry.about(Seat, ("it's", 1))
        found = list(await work.session.scalars(select(AuditEntry).where(seat)))
        book = list(await work.session.scalars(select(AuditEntry).where(AuditEntry.about(Book, 1))))

    assert sorted(entry.operation for entry in found) == ["delete", "insert", "update"]
    assert {entry.table_schema for entry in found} == {"The House"}
    assert [entry.key for entry in found] == [{'the "hall"': "it's", "number": 1}] * 3
    assert [entry.new and entry.new["title"] for entry in book] == ["x"]
    with pytest.raises(ValueError, match="zip"):
        AuditEntry.about(Seat, "it's")


async def test_a_changed_key_is_logged_under_the_old_one(library: Library) -> None:
    async with library.unit_of_work() as work:
        work.session.add(Author(id=1, name="a"))
        await work.session.flush()
        await work.session.execute(update(Author).values(id=2))
        (*_, entry) = await entries(work.session)

    assert (entry.key, entry.old, entry.new) == ({"id": 1}, {"id": 1}, {"id": 2})


async def test_unaudited_tables_and_truncate_add_no_entry(
    library: Library,
) -> None:
    async with library.unit_of_work() as work:
        work.session.add_all([Visit(), Author(name="a")])
        await work.session.flush()
        await work.session.execute(text("TRUNCATE authors CASCADE"))

    assert len(await changes(library)) == 1


@pytest.mark.parametrize("column", ["pasword", "id"])
def test_only_a_column_outside_of_the_key_can_be_excluded(column: str) -> None:
    class Base(db.Base, DeclarativeBase):
        pass

    with pytest.raises(TypeError, match=f"names {column}: name columns of wrong"):

        class Wrong(Audited, bigint.PrimaryKey, Base):
            __tablename__ = "wrong"
            __audit_exclude__ = (column,)


def test_the_log_itself_is_not_audited() -> None:
    assert AuditEntry.__table__ not in LibraryBase.metadata.info["audit"].tables
