"""Rows are inserted if they are missing, and found if they exist."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import joinedload

from shop import db
from shop.db import Database, errors
from shop.db.repository.batches import BATCH
from tests.proofs.support.people import Flat as Thing
from tests.proofs.support.people import Friend, Person, Seat, Work, thing
from tests.proofs.support.pets import Person as Hideable
from tests.proofs.support.pets import Work as PetWork
from tests.proofs.support.rows import insert_rows, rows_of

# A few rows use unnested arrays. Many rows use a temporary table, in several batches.
FEW, MANY = (10, BATCH + 100)


def person(number: object, **values: object) -> dict[str, object]:
    return {"email": f"{number}@example.org", "nick": f"Nick {number}"} | values


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_only_missing_rows_are_inserted(stock: Database[Work], number: int) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Person, [person(0, nick="old"), person(1, nick="old too")])
        people = rows_of(work.session, Person)
        rows = map(person, range(number))
        assert await people.insert_missing_rows(rows, conflict_target=["email"]) == number - 2
        assert await people.insert_missing_rows([], conflict_target=["email"]) == 0
        nicks = await work.session.scalars(select(Person.nick).where(Person.nick.not_like("N%")))

        assert sorted(map(str, nicks)) == ["old", "old too"]
        assert await people.count() == number


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_found_and_new_entities_are_in_the_order_of_the_rows(
    stock: Database[Work], number: int
) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(
            work.session, Person, [person(each, nick=None) for each in range(0, number, 2)]
        )
        numbers = [*range(number), 0, 1]
        random.shuffle(numbers)
        rows = map(person, numbers)
        found = await rows_of(work.session, Person).get_or_add_rows(
            rows, conflict_target=[Person.email]
        )

        assert [each.email for each in found] == [f"{each}@example.org" for each in numbers]
        assert [each.nick for each in found] == [
            f"Nick {each}" if each % 2 else None for each in numbers
        ]
        assert len({each.id for each in found}) == len(set(found)) == number


async def test_entities_are_found_by_each_kind_of_key(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        ada = Person(email="ada@example.org", nick="Ada", badge=1, room=7, desk=1)
        gone = Person(email="gone@example.org", badge=2, left_at=func.now())
        work.session.add_all([ada, gone])
        await work.session.flush()
        work.session.add(Friend(person_id=ada.id, number=1, name="Bob"))
        people = rows_of(work.session, Person)

        async def found(target: str | list[Any], **values: object) -> Any:
            [entity] = await people.get_or_add_rows(
                [{"email": "new@example.org"} | values], conflict_target=target
            )
            return entity

        assert await found("uq_people_nick", nick="ADA") is ada
        assert await found(["room", "desk"], room=7, desk=1) is ada
        assert await found([Person.badge], badge=1, left_at=None) is ada
        other = await found([Person.badge], badge=2, left_at=None)
        assert other.email == "new@example.org"
        assert await found([Person.email]) is other
        [friend, new] = await rows_of(work.session, Friend).get_or_add_rows(
            {"person_id": ada.id, "number": number, "name": "?"} for number in (1, 2)
        )
        assert (friend.name, new.name) == ("Bob", "?")
        [one, two] = await rows_of(work.session, Thing).get_or_add_rows(
            [thing("a"), thing("b")], conflict_target=[Thing.title]
        )
        assert (one.title, two.lower) == ("a", "abc")


async def test_rows_that_would_not_be_found_are_refused(stock: Database[Work]) -> None:
    async with stock.unit_of_work() as work:
        people = rows_of(work.session, Person)
        seats = rows_of(work.session, Seat)
        with pytest.raises(errors.StaleData, match="not found again"):
            await seats.get_or_add_rows(
                [{"number": None, "name": "a"}, {"number": 1, "name": "b"}],
                conflict_target=["number"],
            )
        with pytest.raises(ValueError, match="must give all values"):
            await people.get_or_add_rows([person(1, room=1)], conflict_target=["room", "desk"])
        with pytest.raises(ValueError, match="so none can exist already"):
            await people.get_or_add_rows([person(1)])
        assert await people.count() == 0
        assert await people.get_or_add_rows([]) == []
        assert await seats.count() == 0
        assert await seats.insert_missing_rows([{"id": 1, "number": None, "name": "a"}]) == 1


async def test_a_hidden_row_is_not_found(hidden: Database[PetWork]) -> None:
    async with hidden.unit_of_work() as work:
        person = await work.person("here")
        await work.people.delete(person)
        rows = [{"id": person.id, "email": "new"}]
        assert await work.people.insert_missing_rows(rows) == 0
        with pytest.raises(errors.StaleData, match="not found again"):
            await work.people.get_or_add_rows(rows)
        await work.people.restore(person.id)
        pets = [joinedload(Hideable.pets)]  # both tables have the column of the index's predicate
        [found] = await work.people.get_or_add_rows(
            [{"email": "here"}], conflict_target=[Hideable.email], options=pets
        )
        assert [found] == await work.people.get_or_add_rows(rows)
        assert found.email == "here"


async def test_a_row_that_is_deleted_meanwhile_is_inserted(
    stock: Database[Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stock.unit_of_work() as work:
        await insert_rows(work.session, Person, [person(1, nick="old")])
    async with stock.unit_of_work() as work:
        execute = work.session.execute

        async def delete_between(statement: Any, *args: Any, **kwargs: Any) -> Any:
            result = await execute(statement, *args, **kwargs)
            async with stock.sessions.begin() as other:
                await other.execute(delete(Person).where(Person.nick == "old"))
            return result

        monkeypatch.setattr(work.session, "execute", delete_between)
        [found] = await rows_of(work.session, Person).get_or_add_rows(
            [person(1)], conflict_target=["email"]
        )

    assert found.nick == "Nick 1"


LEVELS: list[db.IsolationLevel] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


async def together(
    stock: Database[Work], method: str, isolation_level: db.IsolationLevel
) -> Sequence[Any]:
    """Call a method in 20 tasks, with the same 60 rows in different orders and parts."""

    async def call(work: Work) -> Any:
        numbers = random.sample(range(60), 40)
        rows = [{"email": person(each)["email"]} for each in numbers]
        call = getattr(rows_of(work.session, Person), method)
        result = await call(rows, conflict_target=[Person.email])
        if isinstance(result, int):
            return result
        return [(n, each.email, each.id) for n, each in zip(numbers, result, strict=True)]

    attempts = 1 if isolation_level == "READ COMMITTED" else 20
    options: Any = {"attempts": attempts, "isolation_level": isolation_level}
    return await asyncio.gather(*(stock.transact(call, **options) for _ in range(20)))


@pytest.mark.parametrize("level", LEVELS)
async def test_twenty_tasks_insert_each_missing_row_once(
    stock: Database[Work], level: db.IsolationLevel
) -> None:
    counts = await together(stock, "insert_missing_rows", level)

    async with stock.unit_of_work() as work:
        assert sum(counts) == await rows_of(work.session, Person).count() == 60


@pytest.mark.parametrize("level", LEVELS)
async def test_twenty_tasks_get_or_add_the_same_rows(
    stock: Database[Work], level: db.IsolationLevel
) -> None:
    found = [each for task in await together(stock, "get_or_add_rows", level) for each in task]

    assert len(found) == 20 * 40
    assert all(email == f"{number}@example.org" for number, email, _ in found)
    async with stock.unit_of_work() as work:
        ids = await work.session.scalars(select(Person.id))
        assert sorted(ids) == sorted({key for _, _, key in found})
        assert len({key for _, _, key in found}) == 60
