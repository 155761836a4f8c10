"""Values of a composite, by each method that takes values."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shop import db
from shop.db import Database
from tests.proofs.support.shapes import Order, Point

Rows = db.Repository[Any, Any]


class Orders(db.Repository[Any, int]):
    model = Order


async def test_a_composite_is_written_in_bulk(world: Database[db.UnitOfWork]) -> None:
    async with world.unit_of_work() as work:
        orders = Orders(work.session)
        assert await orders.insert_rows([Order(name="a", place=Point(1, 2))]) == 1
        rows = [Order(name="a", place=Point(5, 6)), Order(name="b", place=Point(3, 4))]
        [a, b] = await orders.get_or_add_rows(rows, conflict_target=[Order.name])
        assert (a.place, b.place) == (Point(1, 2), Point(3, 4))
        await orders.upsert(Order(name="a", place=None), conflict_target=[Order.name])
        assert a.place is None
        await orders.update_rows([{"id": a.id, "version": a.version, "place": Point(7, 8)}])
        await orders.get_one(a.id, populate_existing=True)
        assert a.place == Point(7, 8)
        given = [{"name": "c", "place": Point(9, 9)}, {"name": "d", "place": None}]
        assert await orders.insert_rows(given) == 2
        [c, d] = await orders.all(Order.name.in_(["c", "d"]), order_by=[Order.name])
        assert (c.place, d.place) == (Point(9, 9), None)


async def test_a_composite_is_changed_by_each_method(world: Database[db.UnitOfWork]) -> None:
    async with world.unit_of_work() as work:
        orders = Orders(work.session)
        a = await orders.add(Order(name="a", place=Point(1, 2), price=1))
        assert await orders.update_where(Order.name == "a", place=Point(3, 4)) == 1
        assert (a.place, a.x, a.price) == (Point(3, 4), 3, 1)
        assert await orders.update_by_keys([a.id], place=None) == 1
        assert [a.place] == [None]
        row = {"name": "a", "place": Point(5, 6), "price": 9}
        for name in (Order.place, "place"):
            await orders.upsert(row, conflict_target=[Order.name], update=[name])
            assert (a.place, a.price) == (Point(5, 6), 1)
            await orders.update(a, place=Point(0, 0))


PLACES: dict[str, Callable[[Rows, Any, dict[str, Any]], Awaitable[Any]]] = {
    "insert_rows": lambda rows, a, place: rows.insert_rows([{"name": "b", **place}]),
    "insert_missing_rows": lambda rows, a, place: rows.insert_missing_rows(
        [{"name": "b", **place}], conflict_target=[Order.name]
    ),
    "get_or_add_rows": lambda rows, a, place: rows.get_or_add_rows(
        [{"name": "b", **place}], conflict_target=[Order.name]
    ),
    "upsert_rows": lambda rows, a, place: rows.upsert_rows(
        [{"name": "b", **place}], conflict_target=[Order.name]
    ),
    "upsert": lambda rows, a, place: rows.upsert(
        {"name": "a", **place}, conflict_target=[Order.name]
    ),
    "update_rows": lambda rows, a, place: rows.update_rows(
        [{"id": a.id, "version": a.version, **place}]
    ),
    "update": lambda rows, a, place: rows.update(a, **place),
    "update_where": lambda rows, a, place: rows.update_where(Order.name == "a", **place),
    "update_by_keys": lambda rows, a, place: rows.update_by_keys([a.id], **place),
}


@pytest.mark.parametrize("method", PLACES)
async def test_what_is_no_composite_or_is_given_twice_is_refused(
    world: Database[db.UnitOfWork], method: str
) -> None:
    async with world.unit_of_work() as work:
        orders = Orders(work.session)
        a = await orders.add(Order(name="a", place=Point(1, 2)))
        for wrong in ("s3cr3t", (1, 2), {"x": 1}, Order.name, a):
            with pytest.raises(TypeError, match=f"place takes no .*{type(wrong).__name__}$"):
                await PLACES[method](orders, a, {"place": wrong})
        for value in (Point(3, 4), None):
            with pytest.raises(TypeError, match="place has the value of x too: give one of them"):
                await PLACES[method](orders, a, {"x": 5, "place": value})
        assert (a.place, await orders.count(), len(work.session.dirty)) == (Point(1, 2), 1, 0)


async def test_rows_have_the_attributes_that_an_entity_would_write(
    world: Database[db.UnitOfWork],
) -> None:
    async with world.unit_of_work() as work:
        orders = Orders(work.session)
        given: list[Any] = [Order(name=name, place=Point(1, 2)) for name in "ab"]
        given[1].x = 5  # after the composite was set
        assert await orders.insert_rows(given) == 2
        [a, b] = await orders.all(order_by=[Order.name])
        assert (a.place, b.place) == (Point(1, 2), Point(5, 2))
