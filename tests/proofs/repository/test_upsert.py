"""Upserts: when a row exists, which values change, and which of several rows wins."""

import asyncio
import uuid
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import event, func, select

from shop.db import Database, errors
from shop.db.repository.batches import BATCH
from tests.proofs.support.people import (
    Awkward,
    Computed,
    Counted,
    Friend,
    Numbered,
    Person,
    Place,
    Seat,
    Work,
    become_tenant,
)
from tests.proofs.support.rows import insert_rows, upsert, upsert_rows

# A few rows use unnested arrays. Many rows use a temporary table, in several batches.
FEW, MANY = (10, BATCH + 100)


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_rows_are_inserted_or_changed(stock: Database[Work], number: int) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Person, people(range(0, number, 2), nick="old"))
    async with stock.unit_of_work() as work:
        rows = people(range(number), nick="new")
        assert (
            await upsert_rows(work.session, Person, rows, conflict_target=[Person.email]) == number
        )

        found = await work.session.execute(
            select(
                func.count(), func.min(Person.nick), func.count().filter(Person.id <= number // 2)
            )
        )
        later = await work.session.scalar(
            select(func.count()).where(Person.updated_at > Person.created_at)
        )

    assert found.one() == (number, "new 0", number // 2)  # rows that existed kept their keys
    assert later == number // 2  # set by their onupdate


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_the_last_of_several_rows_with_the_same_key_wins(
    stock: Database[Work], number: int
) -> None:
    async with stock.unit_of_work() as work:
        rows = [*people(range(number), nick="first"), *people(range(3), nick="last")]
        assert await upsert_rows(work.session, Person, rows, conflict_target=["email"]) == number
        found = await work.session.scalars(select(Person.nick).order_by(Person.nick.desc()))

    assert found.all()[:3] == ["last 2", "last 1", "last 0"]


async def test_an_existing_row_does_not_get_a_new_key_of_python(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        before = await upsert(work.session, Counted, {"name": "a"}, conflict_target=[Counted.name])
        after = await upsert(
            work.session, Counted, {"name": "a", "number": 5}, conflict_target=[Counted.name]
        )

        assert after is before
        assert after.id.version == 7
        assert (after.number, after.version) == (5, 2)  # they were read again


async def test_only_the_named_columns_are_overwritten(stock: Database[Work]) -> None:
    async def write(
        values: dict[str, object], update: Sequence[str] | None
    ) -> tuple[int, Counted | None]:
        async with stock.unit_of_work() as work:
            row = {"name": "a"} | values
            count = await upsert_rows(
                work.session, Counted, [row], conflict_target=[Counted.name], update=update
            )
            return count, await work.session.scalar(select(Counted))

    await write({"id": uuid.UUID(int=1), "number": 1}, None)
    _, kept = await write({"id": uuid.UUID(int=2), "number": 2}, None)
    _, named = await write({"id": uuid.UUID(int=3), "number": 3}, ["id"])
    left, same = await write({"id": uuid.UUID(int=4), "number": 4}, ())
    nothing, _ = await write({}, None)

    assert kept is not None
    assert named is not None
    assert same is not None
    assert (kept.id.int, kept.number, kept.version) == (1, 2, 2)
    assert (named.id.int, named.number, named.version) == (3, 2, 3)
    assert (same.id.int, same.number, same.version, left, nothing) == (3, 2, 3, 0, 0)


async def test_rows_that_do_not_change_are_not_returned(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Person, people(range(2)))
        found = [
            await upsert(work.session, Person, row, conflict_target=[Person.email], update=())
            for row in people(range(3))
        ]

        assert [each and each.email for each in found] == [None, None, "2@example.org"]
        rows = people(range(4))
        assert (
            await upsert_rows(work.session, Person, rows, conflict_target=["email"], update=()) == 1
        )
        assert await upsert_rows(work.session, Person, [], conflict_target=["email"]) == 0


@pytest.mark.parametrize("conflict", ["uq_people_badge", [Person.badge]])
async def test_a_partial_index_can_be_the_target_with_its_predicate(
    stock: Database[Work], conflict: str | list[str]
) -> None:
    now = func.now()
    async with stock.unit_of_work() as work:
        work.session.add(Person(email="gone", badge=1, left_at=now))
        work.session.add(Person(email="here", badge=1))
        rows = [{"email": "new", "badge": 1}]
        assert await upsert_rows(work.session, Person, rows, conflict_target=conflict) == 1
        found = await work.session.scalars(select(Person.email).order_by(Person.email))

    assert found.all() == ["gone", "new"]


async def test_an_index_on_an_expression_is_a_target_by_its_name(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        rows: list[dict[str, object]] = [
            {"email": "a", "nick": "Ada"},
            {"email": "b", "nick": "ADA"},
            {"email": "c", "nick": None},
            {"email": "d", "nick": None},
        ]
        assert await upsert_rows(work.session, Person, rows, conflict_target="uq_people_nick") == 3
        found = await work.session.scalars(select(Person.email).order_by(Person.email))

    assert found.all() == ["b", "c", "d"]


async def test_null_is_a_duplicate_only_if_the_constraint_says_so(
    stock: Database[Work],
) -> None:
    async with stock.unit_of_work() as work:
        rows: list[dict[str, object]] = [
            {"email": "a", "room": 1, "desk": None},
            {"email": "b", "room": 1, "desk": None},
            {"email": "c", "room": 1, "desk": 1},
            {"email": "d", "room": 1, "desk": 1},
        ]
        assert await upsert_rows(work.session, Person, rows, conflict_target=["desk", "room"]) == 3
        seats = [{"number": None, "name": "a"}, {"number": None, "name": "b"}]
        assert await upsert_rows(work.session, Seat, seats, conflict_target=[Seat.number]) == 1

        assert (await work.session.scalars(select(Seat.name))).all() == ["b"]
        assert set(await work.session.scalars(select(Person.email))) == {"a", "b", "d"}


async def test_a_composite_key_can_be_the_target_for_models(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        work.session.add(Person(id=1, email="a"))
        for name in ("a", "b"):
            friend = Friend(person_id=1, number=1, name=name)
            await upsert_rows(
                work.session, Friend, [friend], conflict_target=[Friend.person_id, Friend.number]
            )
        found = await work.session.scalars(select(Friend))

        assert [friend.name for friend in found] == ["b"]


async def test_defaults_that_are_sql_are_applied(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        await upsert_rows(work.session, Computed, [{"name": "a"}], conflict_target=[Computed.name])
        for rows in ([{"name": "a"}], [{"name": "a"}, {"name": "b"}]):
            await upsert_rows(work.session, Numbered, rows, conflict_target=[Numbered.name])

        assert (await work.session.scalars(select(Computed.by))).one()
        assert len({*(await work.session.scalars(select(Numbered.number)))}) == 2


@pytest.mark.parametrize(
    ("conflict", "update", "error", "message"),
    [
        (["name"], None, ValueError, "the name of one of pk_people, .*, uq_people_nick"),
        ("uq_people_nobody", None, ValueError, "0 unique constraints of people"),
        (["id"], None, ValueError, "the rows give no column of pk_people"),
        (["email"], ["room"], ValueError, "update names people.room"),
        (["email"], ["rom"], TypeError, "Person has no column rom"),
        (["emial"], None, TypeError, "Person has no column emial"),
    ],
)
async def test_a_wrong_target_or_column_is_refused(
    stock: Database[Work],
    conflict: str | list[str],
    update: list[str] | None,
    error: type[Exception],
    message: str,
) -> None:
    async with stock.unit_of_work() as work:
        with pytest.raises(error, match=message):
            await upsert_rows(
                work.session, Person, people(range(2)), conflict_target=conflict, update=update
            )


async def test_defaults_that_need_their_statement_are_refused(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        rows = [{"id": 1, "name": "a", "backwards": "abc"}]
        with pytest.raises(TypeError, match="one by one"):
            await upsert_rows(work.session, Awkward, rows, conflict_target=[Awkward.id])


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_a_violation_undoes_this_upsert_and_nothing_else(
    stock: Database[Work], number: int
) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Person, [{"email": "a", "nick": "New 0"}])
        with pytest.raises(errors.UniqueViolation) as violation:
            await upsert_rows(
                work.session,
                Person,
                people(range(number), nick="new"),
                conflict_target=[Person.email],
            )
        again = people(range(number), nick="newer")
        assert (
            await upsert_rows(work.session, Person, again, conflict_target=[Person.email]) == number
        )

    assert violation.value.constraint == "uq_people_nick"


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_row_security_applies(stock: Database[Work], number: int) -> None:
    async with stock.sessions() as session:  # nothing is committed, not even the role
        await insert_rows(session, Person, people(range(1), name="yours"))
        await become_tenant(session)
        mine = people(range(1, number), name="mine")
        assert (
            await upsert_rows(session, Person, mine, conflict_target=[Person.email]) == number - 1
        )
        with pytest.raises(errors.InsufficientPrivilege):
            await upsert_rows(
                session, Person, people(range(1), name="mine"), conflict_target=["email"]
            )


async def test_no_temporary_table_is_left(stock: Database[Work]) -> None:
    statements: list[str] = []
    event.listen(
        stock.engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    async with stock.unit_of_work() as work:
        await upsert_rows(work.session, Person, people(range(1000)), conflict_target=[Person.email])
        assert not [each for each in statements if "CREATE" in each]
        for _ in range(2):
            await upsert_rows(
                work.session, Person, people(range(1001)), conflict_target=[Person.email]
            )
        assert len([each for each in statements if "CREATE TEMPORARY" in each]) == 2
        pg_class = func.to_regclass('"stage of people"')
        assert await work.session.scalar(select(pg_class)) is None


async def test_tables_with_one_name_in_two_schemas_are_not_confused(stock: Database[Work]) -> None:
    seats = [{"number": number, "name": "a"} for number in range(MANY)]
    places = [{"number": str(number), "name": "a"} for number in range(MANY)]
    async with stock.unit_of_work() as work:
        assert await upsert_rows(work.session, Seat, seats, conflict_target=[Seat.number]) == MANY
        assert (
            await upsert_rows(work.session, Place, places, conflict_target=[Place.number]) == MANY
        )


async def test_upserts_in_opposite_orders_do_not_deadlock(stock: Database[Work]) -> None:
    async def write(rows: list[dict[str, object]]) -> int:
        async with stock.unit_of_work() as work:
            return await upsert_rows(work.session, Person, rows, conflict_target=[Person.email])

    rows = [*people(range(1500))]
    counts = await asyncio.gather(*(write(rows[:: (-1) ** number]) for number in range(6)))

    assert counts == [1500] * 6  # there was no DeadlockDetected


def people(
    numbers: range, *, nick: str | None = None, name: str = "nobody"
) -> Iterator[dict[str, object]]:
    for each in numbers:
        nicks = {} if nick is None else {"nick": f"{nick} {each}"}
        yield {"email": f"{each}@example.org", "name": name, **nicks}
