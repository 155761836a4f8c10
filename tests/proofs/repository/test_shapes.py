"""The shapes of models that SQLAlchemy's documentation shows, with each method of a repository.

A method works, and afterwards every attribute of the entity can be read without `await`. Or the method
refuses the shape by a TypeError.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import MappedAsDataclass, synonym

from shop import db
from shop.db import Database, errors
from shop.db.mixins import bigint
from tests.proofs.support.shapes import (
    SHAPES,
    Author,
    Base,
    Book,
    Group,
    Membership,
    Node,
    Order,
    Owner,
    Point,
)


def repository(session: Any, shape: type[Any]) -> db.Repository[Any, Any]:
    class Rows(db.Repository[Any, Any]):
        model = shape

    return Rows(session)


Rows = db.Repository[Any, Any]
Method = Callable[[Rows, Any], Awaitable[Any]]


def values(shape: type[Any], name: str) -> dict[str, Any]:
    return {"name": name} | ({"group_id": 1, "number": 7} if shape is Membership else {})


def key_of(entity: Any) -> Any:
    key = inspect(entity).identity
    return key if len(key) > 1 else key[0]


async def streamed(rows: Rows, entity: Any) -> list[Any]:
    found: list[Any] = []
    async with rows.stream(order_by=[rows.model.name]) as partitions:
        async for part in partitions:
            found += part
    return found


async def upserted(rows: Rows, entity: Any) -> Any:
    keys = key_names(rows)
    row = values(rows.model, "new") | {name: getattr(entity, name) for name in keys}
    return await rows.upsert(row, conflict_target=keys)


def both_rows(rows: Rows, entity: Any) -> list[dict[str, Any]]:
    """Return a row that exists, and one that does not."""
    old = {name: getattr(entity, name) for name in key_names(rows)} | {"name": "first"}
    return [old, old | ({"number": 99} if "number" in old else {"id": 99}) | {"name": "other"}]


async def gotten_or_added(rows: Rows, entity: Any) -> list[Any]:
    found = await rows.get_or_add_rows(both_rows(rows, entity), conflict_target=key_names(rows))
    assert found[0] is entity
    return [*found]


async def inserted_if_missing(rows: Rows, entity: Any) -> None:
    given = both_rows(rows, entity)
    assert await rows.insert_missing_rows(given, conflict_target=key_names(rows)) == 1


async def updated_by_rows(rows: Rows, entity: Any) -> int:
    keys = key_names(rows)
    keys += ["version"] if rows.model is Order else []
    return await rows.update_rows([{name: getattr(entity, name) for name in keys} | {"name": "u"}])


def key_names(rows: Rows) -> list[str]:
    mapper = rows.model.__mapper__
    return [mapper.get_property_by_column(each).key for each in mapper.primary_key]


METHODS: dict[str, Method] = {
    "get": lambda rows, entity: rows.get(key_of(entity)),
    "get with a lock": lambda rows, entity: rows.get(key_of(entity), with_for_update=True),
    "one_or_none": lambda rows, entity: rows.one_or_none(rows.model.name == "first"),
    "get anew": lambda rows, entity: rows.get(key_of(entity), populate_existing=True),
    "get_by_keys": lambda rows, entity: rows.get_by_keys([key_of(entity)] * 2),
    "get_by_keys with a lock": lambda rows, entity: rows.get_by_keys(
        [key_of(entity)], with_for_update=True
    ),
    "all": lambda rows, entity: rows.all(order_by=[rows.model.name]),
    "all_and_count": lambda rows, entity: rows.all_and_count(order_by=[rows.model.name], limit=1),
    "paginate": lambda rows, entity: rows.paginate(order_by=[rows.model.name], limit=1),
    "last page": lambda rows, entity: rows.paginate(
        order_by=[rows.model.name], limit=1, backward=True, item_cursors=True
    ),
    "stream": streamed,
    "count": lambda rows, entity: rows.count(),
    "exists": lambda rows, entity: rows.exists(rows.model.name == "first"),
    "add": lambda rows, entity: rows.add(another(rows.model)),
    "insert_rows": lambda rows, entity: rows.insert_rows(
        [values(rows.model, "third") | ({"number": 9} if rows.model is Membership else {})]
    ),
    "get_or_add_rows": gotten_or_added,
    "insert_missing_rows": inserted_if_missing,
    "update_by_keys": lambda rows, entity: rows.update_by_keys([key_of(entity)], name="k"),
    "upsert": upserted,
    "update": lambda rows, entity: rows.update(entity, name="changed"),
    "update_rows": updated_by_rows,
    "update_where": lambda rows, entity: rows.update_where(rows.model.name == "first", name="w"),
    "delete": lambda rows, entity: rows.delete(entity),
}


def another(shape: type[Any]) -> Any:
    return shape(**values(shape, "second") | ({"number": 8} if shape is Membership else {}))


def read_everything(entity: Any) -> None:
    """Read all attributes that are not deferred. A query without `await` would be MissingGreenlet."""
    mapper = inspect(entity).mapper
    for each in mapper.column_attrs:
        if not each.deferred:
            getattr(entity, each.key)
    for each in (*mapper.synonyms, *mapper.composites):
        getattr(entity, each.key)
    if isinstance(entity, Order):
        assert entity.total == entity.price * entity.amount
        assert entity.generated == entity.price + entity.amount


async def test_each_method_works_with_each_shape_or_refuses_it(
    world: Database[db.UnitOfWork],
) -> None:
    async with world.unit_of_work() as work:
        await repository(work.session, Group).add(Group(name="a", memberships=[]))
    works, refused = 0, list[str]()
    for shape in SHAPES:
        for name, method in METHODS.items():
            with pytest.raises(ZeroDivisionError):
                async with world.unit_of_work() as work:
                    rows = repository(work.session, shape)
                    entity = await rows.add(shape(**values(shape, "first")))
                    read_everything(entity)
                    try:
                        async with work.savepoint():
                            result = await method(rows, entity)
                    except TypeError as error:
                        refused.append(f"{shape.__name__}.{name}: {error}")
                    else:
                        works += 1
                        found = result if isinstance(result, list) else [result]
                        for each in [*found, *([entity] * (name != "delete"))]:
                            if isinstance(each, shape):
                                read_everything(each)
                    raise ZeroDivisionError
    print(f"{works} work, {len(refused)} are refused:", *refused, sep="\n")
    assert works + len(refused) == len(SHAPES) * len(METHODS)
    assert all("Car" in each or "Concrete" in each for each in refused)


@pytest.mark.parametrize("later", [False, True])
async def test_an_expression_follows_each_change(
    world: Database[db.UnitOfWork], later: bool
) -> None:
    async with world.unit_of_work() as work:
        orders, authors = repository(work.session, Order), repository(work.session, Author)
        if later:  # The first use of an association proxy also sets an attribute of the class.
            Order.label = synonym("name")
        order = await orders.add(Order(name="a", price=5, amount=2))
        assert order.total == 10
        await orders.update(order, amount=3)
        assert (order.total, order.generated) == (15, 8)
        same = await orders.upsert(
            {"name": "a", "price": 7, "amount": 1}, conflict_target=[Order.name]
        )
        assert [same] == [order]
        assert (order.total, order.generated, order.version) == (7, 8, 3)
        for new in ({"price": 4}, {"amount": Order.amount + 1}):
            assert await orders.update_where(Order.name == "a", **new) == 1
            assert order.total == order.price * order.amount
        assert order.total == 8
        author = await authors.add(Author(name="b"))
        await repository(work.session, Book).add(Book(name="c", author_id=author.id))
        changed = await authors.upsert({"id": author.id, "name": "d"}, conflict_target=["id"])
        assert changed is not None
        assert (changed.name, changed.books) == ("d", 1)
        order.data = {"a": 1}
        await work.session.flush()
        order.data["b"] = 2
        await work.session.flush()
        assert (await work.session.scalars(select(Order.data))).one() == {"a": 1, "b": 2}


@pytest.mark.parametrize("name", ["total", "generated"])
async def test_nobody_sets_what_sql_computes(world: Database[db.UnitOfWork], name: str) -> None:
    async with world.unit_of_work() as work:
        orders = repository(work.session, Order)
        order = await orders.add(Order(name="a"))
        with pytest.raises(TypeError, match=name):
            await orders.update(order, **{name: 99})
        with pytest.raises(TypeError, match=name):
            await orders.insert_rows([{"name": "b", name: 99}])
        with pytest.raises(errors.DatabaseError, match="only the server computes"):
            async with work.savepoint():
                await orders.add(Order(name="c", generated=99))


async def test_an_attribute_that_cannot_be_set_is_refused(world: Database[db.UnitOfWork]) -> None:
    async with world.unit_of_work() as work:
        orders, owners = repository(work.session, Order), repository(work.session, Owner)
        order, owner = await orders.add(Order(name="a")), await owners.add(Owner(name="b"))
        with pytest.raises(TypeError, match="Order has no column dear, or computes it"):
            await orders.update(order, price=1, dear=5)
        with pytest.raises(errors.UnitOfWorkError, match="collection replacement"):
            await owners.update(owner, name="c", things=[])
        assert (order.price, owner.name) == (3, "b")


async def test_a_refused_update_changes_nothing(world: Database[db.UnitOfWork]) -> None:
    async with world.unit_of_work() as work:
        orders = repository(work.session, Order)
        order = await orders.add(Order(name="a", place=Point(1, 2), data={"a": 1}))
        order.price = 4  # not written yet
        with pytest.raises(ValueError, match="not negative"):
            await orders.update(order, notes="n", title="b", place=Point(8, 9), amount=-1, price=9)
        assert (order.name, order.place, order.amount, order.price) == ("a", Point(1, 2), 2, 4)
        assert "notes" not in vars(order)
    async with world.unit_of_work() as work:
        [order] = await repository(work.session, Order).all()
        assert (order.name, order.price, order.place) == ("a", 4, Point(1, 2))
        await work.session.refresh(order, ["notes"])
        assert order.notes is None


async def test_a_tree_whose_children_are_loaded_can_be_deleted(
    world: Database[db.UnitOfWork],
) -> None:
    async with world.unit_of_work() as work:
        root = Node(name="root", children=[Node(name="leaf", children=[])])
        await repository(work.session, Node).add(root)
    async with world.unit_of_work() as work:
        nodes = repository(work.session, Node)
        [leaf, root] = await nodes.all(order_by=[Node.name])
        await work.session.refresh(root, ["children"])
        await work.session.refresh(leaf, ["children"])
        await nodes.delete(root)
        assert await nodes.count() == 0


def test_a_mixin_is_refused_where_a_dataclass_is_mapped() -> None:
    with pytest.raises(InvalidRequestError, match="not a dataclass"):

        class Broken(bigint.PrimaryKey, MappedAsDataclass, Base):
            __tablename__ = "sh_broken"
