"""What belongs to another model, or to none, is refused by one sentence. Nothing is written then."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import ForeignKey, func, select, text
from sqlalchemy.orm import Mapped, aliased, attribute_keyed_dict, mapped_column, relationship

from shop import db
from shop.db import Database
from shop.db.mixins import Timestamps, bigint
from shop.db.repository import batches
from tests.proofs.support.shapes import (
    Author,
    Base,
    Employee,
    Group,
    Manager,
    Membership,
    Node,
    Order,
    Owner,
    Person,
    Plain,
)
from tests.proofs.support.things import judge

Rows = db.Repository[Any, Any]


class Drawer(bigint.PrimaryKey, Base):
    """A collection that is a dictionary."""

    __tablename__ = "st_drawers"

    name: Mapped[str]
    labels: Mapped[dict[str, "Label"]] = relationship(
        collection_class=attribute_keyed_dict("word"), lazy="raise_on_sql"
    )


class Label(bigint.PrimaryKey, Base):
    __tablename__ = "st_labels"

    word: Mapped[str]
    drawer_id: Mapped[int | None] = mapped_column(ForeignKey("st_drawers.id"), index=True)


class Numbered(bigint.PrimaryKey, Base):
    """A column with the name that staged rows use."""

    __tablename__ = "st_numbered"

    number: Mapped[int] = mapped_column("number of the row")


def rows_of(model: type[Any], work: db.UnitOfWork) -> Rows:
    return type("Rows", (db.Repository,), {"model": model})(work.session)  # type: ignore[no-any-return]  # type() is untyped


async def refuses(call: Awaitable[object]) -> None:
    with pytest.raises(TypeError) as raised:
        await call
    judge(raised.value, TypeError)


ATTRIBUTES: list[Any] = [
    ("name",),
    *(Person.name, Plain.name, aliased(Person).name, Timestamps.updated_at, func.lower(Order.name)),
    *(5, b"name", object(), Order, Order(name="a"), Order.id.desc(), "nome", ""),
]
NAMING: dict[str, Callable[[Rows, Any], Awaitable[object]]] = {
    "conflict_target": lambda rows, each: rows.upsert({"name": "a"}, conflict_target=[each]),
    "a target of rows": lambda rows, each: rows.upsert_rows(
        [{"name": "a"}], conflict_target=(each,)
    ),
    "update": lambda rows, each: rows.upsert(
        {"name": "a"}, conflict_target=["name"], update=[each]
    ),
    "one update": lambda rows, each: rows.upsert(
        {"name": "a"}, conflict_target=["name"], update=each
    ),
    "a target of get_or_add_rows": lambda rows, each: rows.get_or_add_rows(
        [{"name": "a"}], conflict_target=[each]
    ),
    "a row": lambda rows, each: rows.insert_rows([{each: "a"}]),
    "a row to upsert": lambda rows, each: rows.upsert(
        {"name": "a", each: "a"}, conflict_target=["name"]
    ),
    "a later row": lambda rows, each: rows.insert_rows([{"name": "a"}, {each: "b"}]),
}


@pytest.mark.parametrize("argument", NAMING)
async def test_an_attribute_of_another_model_is_refused(
    world: Database[db.UnitOfWork], argument: str
) -> None:
    async with world.unit_of_work() as work:
        rows = rows_of(Order, work)
        for each in ATTRIBUTES[argument == "one update" :]:  # the first one is a list of names
            kinds = (TypeError, ValueError) if argument == "a later row" else TypeError
            with pytest.raises(kinds) as raised:
                await NAMING[argument](rows, each)
            judge(raised.value, TypeError, ValueError)
        assert await rows.count() == 0


async def test_an_attribute_of_a_parent_a_subclass_or_an_alias_is_right(
    world: Database[db.UnitOfWork],
) -> None:
    async with world.unit_of_work() as work:
        pairs: list[tuple[Any, Any]] = [(Manager, Employee), (Employee, Manager), (Order, Order)]
        for model, other in pairs:
            rows = rows_of(model, work)
            for name in (other.name, aliased(other).name, "name"):
                given = await rows.add(model(name="a"))
                for update in ([name], name):
                    row = {"id": given.id, "name": "b"}
                    changed = await rows.upsert(row, conflict_target=[other.id], update=update)
                    assert (changed, given.name) == (given, "b")
                await rows.delete(given)


ENTITY: dict[str, Callable[[Rows, Any], Awaitable[object]]] = {
    "add": lambda rows, entity: rows.add(entity),
    "add_many": lambda rows, entity: rows.add_many([rows.model(name="a"), entity]),
    "update": lambda rows, entity: rows.update(entity, name="changed"),
    "delete": lambda rows, entity: rows.delete(entity),
    "insert_rows": lambda rows, entity: rows.insert_rows([rows.model(name="a"), entity]),
    "update_rows": lambda rows, entity: rows.update_rows([entity]),
    "upsert": lambda rows, entity: rows.upsert(entity, conflict_target=["id"]),
    "upsert_rows": lambda rows, entity: rows.upsert_rows([entity], conflict_target=["id"]),
}


@pytest.mark.parametrize("method", ENTITY)
async def test_an_entity_of_another_class_is_refused(
    world: Database[db.UnitOfWork], method: str
) -> None:
    async with world.unit_of_work() as work:
        people, managers = rows_of(Person, work), rows_of(Manager, work)
        known = await rows_of(Author, work).add(Author(name="a"))
        parent = await rows_of(Employee, work).add(Employee(name="a"))
        for entity in (known, Author(name="b"), None, 5, "name", Person, [Person(name="a")]):
            await refuses(ENTITY[method](people, entity))
        await refuses(ENTITY[method](managers, parent))
        await work.session.flush()
        names = [
            (await work.session.scalars(select(each.name))).all() for each in (Author, Employee)
        ]
        assert (names, await people.count(), await managers.count()) == ([["a"], ["a"]], 0, 0)


async def test_an_entity_of_a_subclass_is_right(world: Database[db.UnitOfWork]) -> None:
    async with world.unit_of_work() as work:
        rows = rows_of(Employee, work)
        manager = await rows.add(Manager(name="a"))
        assert (await rows.update(manager, name="b")).name == "b"
        assert await rows.insert_rows([Manager(name="c")]) == 1
        assert await rows_of(Manager, work).count() == 2
        await rows.delete(manager)
        assert await rows.count() == 1


RELATED: list[tuple[type[Any], str, list[Any]]] = [
    (Node, "parent", [Order(name="a"), [Node(name="a")], 5, "a", Node]),
    *(
        (model, name, [None, kind(), [None], [kind(), Author(name="a")], [5], 5, "ab", {"a": None}])
        for model, name, kind in (
            (Node, "children", Node),
            (Group, "memberships", Membership),
            (Person, "friends", Person),
            (Drawer, "labels", Label),
            (Owner, "things", Owner),
        )
    ),
]


@pytest.mark.parametrize(("model", "name", "values"), RELATED)
async def test_what_is_no_related_entity_is_refused_and_nothing_is_set(
    world: Database[db.UnitOfWork], model: type[Any], name: str, values: list[Any]
) -> None:
    async with world.unit_of_work() as work:
        rows = rows_of(model, work)
        entity = await rows.add(model(name="a"))
        before = {**vars(entity)}
        for value in values:
            await refuses(rows.update(entity, name="changed", **{name: value}))
            assert vars(entity) == before
            assert not work.session.is_modified(entity)
        assert list(work.session.new) == []


async def test_related_entities_are_set(world: Database[db.UnitOfWork]) -> None:
    async with world.unit_of_work() as work:
        nodes = rows_of(Node, work)
        leaf = await nodes.add(Node(name="leaf", children=[]))
        root = await nodes.add(Node(name="root", children=[]))
        assert (await nodes.update(leaf, parent=root)).parent_id == root.id
        assert (await nodes.update(root, parent=None)).parent_id is None
        assert (await nodes.update(root, children=[leaf])).children == [leaf]
        assert leaf.parent_id == root.id
        drawers = rows_of(Drawer, work)
        drawer = await drawers.add(Drawer(name="a", labels={}))
        await drawers.update(drawer, labels={"x": Label(word="x")})
        assert await work.session.scalar(select(Label.drawer_id)) == drawer.id


async def test_a_column_with_the_name_of_the_number_of_a_row_is_refused(
    world: Database[db.UnitOfWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.unit_of_work() as work:
        rows = rows_of(Numbered, work)
        assert await rows.insert_rows([{"number": 7}]) == 1
        [known] = await rows.all()
        for few in (1000, 0):
            monkeypatch.setattr(batches, "FEW", few)
            for call in (
                rows.update_rows([{"id": known.id, "number": 8}]),
                rows.upsert({"id": known.id, "number": 8}, conflict_target=None),
                rows.upsert_rows([{"id": known.id, "number": 8}], conflict_target=None),
                rows.get_or_add_rows([{"id": known.id, "number": 8}]),
            ):
                with pytest.raises(TypeError, match='rename the column "number of the row"'):
                    await call
        [[number]] = await work.session.execute(text('SELECT "number of the row" FROM st_numbered'))
        assert number == 7
