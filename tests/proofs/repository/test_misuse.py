"""Arguments of another form than the documented one work, or are refused by one sentence."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Text, func
from sqlalchemy.orm import aliased

from shop.db import Database, errors, record_queries
from tests.proofs.support.accounts import Work as Bank
from tests.proofs.support.things import Shelf, Thing, Things, Work, judge

Use = Callable[[Any, Any], Awaitable[object]]


async def stream(things: Things, *criteria: Any, **options: Any) -> list[Thing]:
    async with things.stream(*criteria, **options) as partitions:
        return [thing async for part in partitions for thing in part]


ORDERED: dict[str, Use] = {
    "all": lambda things, order: things.all(order_by=order),
    "all_and_count": lambda things, order: things.all_and_count(order_by=order, limit=5),
    "paginate": lambda things, order: things.paginate(order_by=order, limit=5),
    "stream": lambda things, order: stream(things, order_by=order),
}
ORDERS = [Thing.name, Thing.name.desc(), func.lower(Thing.name, type_=Text)]


async def test_an_order_may_be_one_element_instead_of_a_list(
    things_database: Database[Work],
) -> None:
    async with things_database.unit_of_work() as work:
        for name, call in ORDERED.items():
            for order in ORDERS:
                assert await call(work.things, order) == await call(work.things, [order]), name


NO_ORDERS = [
    "name",
    "nothing",
    7,
    Thing,
    aliased(Thing),
    Thing.__table__,
    Shelf.things,
    Thing.name.in_,
]


@pytest.mark.parametrize("method", ORDERED)
async def test_what_is_no_order_is_refused(things_database: Database[Work], method: str) -> None:
    async with things_database.unit_of_work() as work:
        for order in NO_ORDERS:
            for given in (order, [Thing.id, order]):
                with pytest.raises(TypeError, match=r"^order_by takes columns") as raised:
                    await ORDERED[method](work.things, given)
                judge(raised.value, TypeError)
        assert await work.things.count() == 2


CHOSEN: dict[str, Use] = {
    "all": lambda things, criterion: things.all(criterion),
    "one_or_none": lambda things, criterion: things.one_or_none(criterion),
    "all_and_count": lambda things, criterion: things.all_and_count(
        criterion, order_by=[Thing.id], limit=1
    ),
    "paginate": lambda things, criterion: things.paginate(criterion, order_by=[], limit=5),
    "stream": lambda things, criterion: stream(things, criterion),
    "count": lambda things, criterion: things.count(criterion),
    "exists": lambda things, criterion: things.exists(criterion),
    "delete_where": lambda things, criterion: things.delete_where(criterion),
    "update_where": lambda things, criterion: things.update_where(criterion, count=1),
}
NO_CRITERIA = ["name = 'a'", [Thing.id == 1], Thing, 7, {"name": "a"}]


@pytest.mark.parametrize("method", CHOSEN)
async def test_what_is_no_criterion_is_refused(
    things_database: Database[Work], method: str
) -> None:
    for criterion in NO_CRITERIA:
        async with things_database.unit_of_work() as work:
            with pytest.raises(errors.UnitOfWorkError) as raised:
                await CHOSEN[method](work.things, criterion)
            judge(raised.value, errors.UnitOfWorkError)
            assert await work.things.count(True) == 2  # type: ignore[arg-type]  # it is allowed


NUMBERS: dict[str, Use] = {
    "limit": lambda things, number: things.all(limit=number),
    "offset": lambda things, number: things.all(offset=number),
    "limit of all_and_count": lambda things, number: things.all_and_count(
        order_by=[Thing.id], limit=number
    ),
}


@pytest.mark.parametrize("number", [-1, 2**63])
@pytest.mark.parametrize("argument", NUMBERS)
async def test_a_number_of_rows_that_is_not_possible_is_an_error_of_the_layer(
    things_database: Database[Work], argument: str, number: int
) -> None:
    with suppress(errors.Error):
        async with things_database.unit_of_work() as work:
            with pytest.raises(errors.DataException) as raised:
                await NUMBERS[argument](work.things, number)
            judge(raised.value, errors.DataException)
            raise errors.Error("roll back")


BY_KEY: dict[str, Use] = {
    "get": lambda rows, key: rows.get(key),
    "get with a lock": lambda rows, key: rows.get(key, with_for_update=True),
    "get_one": lambda rows, key: rows.get_one(key),
    "delete_by_keys": lambda rows, key: rows.delete_by_keys([key]),
}
KEYS: dict[str, list[object]] = {
    "accounts": [(1, 2), (), (1, None, 3)],
    "seats": [1, "A", ("A",), ("A", 1, 2), ()],
}


@pytest.mark.parametrize("method", BY_KEY)
async def test_a_key_with_another_number_of_values_is_refused(
    bank: Database[Bank], method: str
) -> None:
    for name, keys in KEYS.items():
        for key in keys:
            async with bank.unit_of_work() as work:
                with pytest.raises((errors.UnitOfWorkError, TypeError)) as raised:
                    await BY_KEY[method](getattr(work, name), key)
                judge(raised.value, errors.UnitOfWorkError, TypeError)
                assert len(await work.accounts.all()) == 2


async def test_a_key_of_one_column_may_be_a_tuple(bank: Database[Bank]) -> None:
    async with bank.unit_of_work() as work:
        [first, _] = await work.accounts.all(order_by=work.accounts.model.id)
        for lock in (False, True):
            key: Any = (first.id,)
            assert await work.accounts.get(key, with_for_update=lock) is first


async def test_an_invalidated_connection_ends_the_unit_of_work_with_a_sentence(
    things_database: Database[Work],
) -> None:
    with pytest.raises(errors.Error):
        async with things_database.unit_of_work() as work:
            thing = await work.things.get_one(1)
            await (await work.session.connection()).invalidate()
            for call in (work.things.all(), work.things.update(thing, count=7)):
                with pytest.raises(errors.Error) as raised:
                    await call
                judge(raised.value, errors.Error)


async def test_an_argument_with_a_wrong_name_is_refused(bank: Database[Bank]) -> None:
    wrong: Any = {"for_update": True}
    async with bank.unit_of_work() as work:
        rows = work.accounts
        for call in (
            rows.get(1, **wrong),
            rows.get_by_keys([1], **wrong),
            rows.one_or_none(**wrong),
            rows.all(**wrong),
            rows.all_and_count(order_by=rows.model.id, limit=1, **wrong),
        ):
            with pytest.raises(TypeError, match="for_update"):
                await call
        empty: list[Any] = [False, None, {}, ()]
        for value in empty:
            wrong = {"for_update": value}
            for method in (rows.get, rows.get_one):
                with pytest.raises(TypeError, match="for_update"):
                    await method(1, **wrong)


async def test_none_is_the_default_of_how_rows_are_read(bank: Database[Bank]) -> None:
    how: Any = {"options": None, "with_for_update": None, "populate_existing": None}
    async with bank.unit_of_work() as work:
        rows = work.accounts
        account = await rows.get_one(1)
        with record_queries(bank.engine) as queries:
            assert await rows.get(1, **how) is account
        assert queries == []
        assert await rows.get_by_keys([1], **how) == [account]
        assert await rows.all(rows.model.id == 1, **how) == [account]


async def test_a_lock_of_a_table_that_is_not_selected_is_refused(bank: Database[Bank]) -> None:
    async with bank.unit_of_work() as work:
        lock: Any = {"of": work.seats.model}
        with pytest.raises(errors.DatabaseError, match="with_for_update names a table") as raised:
            async with work.savepoint():
                await work.accounts.get(1, with_for_update=lock)
        judge(raised.value, errors.DatabaseError)
        assert not isinstance(raised.value, errors.SchemaMismatch)
