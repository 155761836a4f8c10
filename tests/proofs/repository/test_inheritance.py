"""Models of one table and of several: a method writes the rows that were chosen, or refuses."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import ColumnElement, func, select

from shop.db import Database, UnitOfWork, errors
from tests.proofs.support.fleet import (
    SHAPES,
    Asset,
    Boat,
    Car,
    Cat,
    Cats,
    Dog,
    Shape,
    Vehicles,
    difference,
    rows_of_all_tables,
)

Write = Callable[[Shape, Any, str], Awaitable[object]]
"""It gets the shape, its repository, and the name of a column."""

MOVED = ("updated_at", "version")


def by(shape: Shape, column: str) -> ColumnElement[bool]:
    """Choose the second row by a column. Rows of other classes have the same name."""
    found: ColumnElement[bool] = getattr(shape.model, column) == {"size": 2, "name": "n2"}[column]
    return found


def new(column: str) -> object:
    return {"size": 20, "name": "new"}[column]


async def key_of_another(repository: Any, shape: Shape) -> int:
    """Return the key of a row that another class has in the root table, or a key of no row."""
    if not shape.others:
        return 99
    return int(await repository.session.scalar(select(func.min(shape.others[0].id))))


async def delete_where(shape: Shape, repository: Any, column: str) -> None:
    assert await repository.delete_where(by(shape, column)) == 1


async def delete_by_keys(shape: Shape, repository: Any, _: str) -> None:
    assert await repository.delete_by_keys([2, await key_of_another(repository, shape)]) == 1


async def delete(_: Shape, repository: Any, __: str) -> None:
    await repository.delete(await repository.get_one(2))


async def update_where(shape: Shape, repository: Any, column: str) -> None:
    assert await repository.update_where(by(shape, column), **{column: new(column)}) == 1


async def update_by_keys(shape: Shape, repository: Any, column: str) -> None:
    keys = [2, await key_of_another(repository, shape), 2]
    assert await repository.update_by_keys(keys, **{column: new(column)}) == 1


async def get_by_keys(shape: Shape, repository: Any, column: str) -> None:
    for how in ({}, {"populate_existing": True}, {"with_for_update": True}):
        [entity] = await repository.get_by_keys([2], **how)
        with pytest.raises(errors.NotFound):  # a row of another class, or no row
            await repository.get_by_keys([2, await key_of_another(repository, shape)], **how)
    await repository.update(entity, **{column: new(column)})


async def get_or_add_rows(_: Shape, repository: Any, __: str) -> None:
    rows = [{"id": each, "name": "n", "size": 5} for each in (50, 2)]
    found = await repository.get_or_add_rows(rows, conflict_target=["id"])
    assert [each.id for each in found] == [50, 2]


async def insert_missing_rows(shape: Shape, repository: Any, __: str) -> None:
    keys = (2, await key_of_another(repository, shape), 50)
    rows = [{"id": each, "name": "n", "size": 5} for each in keys if each != 99]
    assert await repository.insert_missing_rows(rows, conflict_target=["id"]) == 1


async def update_rows(_: Shape, repository: Any, column: str) -> None:
    assert await repository.update_rows([{"id": 2, "version": 1, column: new(column)}]) == 1


async def update(_: Shape, repository: Any, column: str) -> None:
    await repository.update(await repository.get_one(2), **{column: new(column)})


async def upsert_rows(shape: Shape, repository: Any, column: str) -> None:
    rows = [
        {"id": key, "name": "n2", "size": 2} | {column: new(column)}
        for key in (2, await key_of_another(repository, shape))
        if key != 99
    ]
    assert await repository.upsert_rows(rows, conflict_target=["id"], update=[column]) == 1


async def upsert(_: Shape, repository: Any, column: str) -> None:
    row = {"id": 2, "name": "n2", "size": 2} | {column: new(column)}
    written = await repository.upsert(row, conflict_target=["id"], update=[column])
    assert getattr(written, column) == new(column)


async def insert_rows(_: Shape, repository: Any, __: str) -> None:
    assert await repository.insert_rows([{"id": 50, "name": "n", "size": 5}]) == 1


async def add(shape: Shape, repository: Any, _: str) -> None:
    await repository.add(shape.model(id=50, name="n", size=5))


async def restore(_: Shape, repository: Any, __: str) -> None:
    await repository.delete(await repository.get_one(2))
    assert (await repository.restore(2)).deleted_at is None


async def purge(_: Shape, repository: Any, __: str) -> None:
    await repository.purge(2)


def deleted(shape: Shape, _: str) -> set[tuple[str, int, str]]:
    if shape.hides:
        return {(shape.tables[0], 2, column) for column in ("deleted_at", *MOVED)}
    return {(table, 2, "gone") for table in shape.tables}


def purged(shape: Shape, _: str) -> set[tuple[str, int, str]]:
    return {(table, 2, "gone") for table in shape.tables}


def changed(shape: Shape, column: str) -> set[tuple[str, int, str]]:
    table = shape.tables[-1] if column == "size" else shape.tables[0]
    return {(table, 2, column)} | {(shape.tables[0], 2, each) for each in MOVED}


def restored(shape: Shape, _: str) -> set[tuple[str, int, str]]:
    return {(shape.tables[0], 2, each) for each in MOVED}


def inserted(shape: Shape, _: str) -> set[tuple[str, int, str]]:
    return {(table, 50, "new") for table in shape.tables}


METHODS: list[tuple[Write, Callable[[Shape, str], set[tuple[str, int, str]]]]] = [
    (delete_where, deleted),
    (delete_by_keys, deleted),
    (delete, deleted),
    (update_where, changed),
    (update_by_keys, changed),
    (get_by_keys, changed),
    (update_rows, changed),
    (update, changed),
    (upsert_rows, changed),
    (upsert, changed),
    (insert_rows, inserted),
    (insert_missing_rows, inserted),
    (get_or_add_rows, inserted),
    (add, inserted),
    (restore, restored),
    (purge, purged),
]
# One statement writes one table, so these refuse a model that has two.
REFUSED = {
    delete_where,
    delete_by_keys,
    purge,
    update_where,
    update_by_keys,
    update_rows,
    upsert_rows,
    upsert,
    insert_rows,
    insert_missing_rows,
    get_or_add_rows,
}


async def test_each_method_writes_the_chosen_row_of_each_shape_or_refuses(
    fleet: Database[UnitOfWork],
) -> None:
    written, refused = 0, 0
    for shape in SHAPES:
        for write, expected in METHODS:
            for column in ("size", "name"):
                if write in {restore, purge} and not shape.hides:
                    continue
                several = len(shape.tables) > 1
                outcome = await attempt(fleet, shape, write, column)
                if several and write in REFUSED:
                    assert outcome is None, (shape.name, write.__name__, column)
                    refused += 1
                else:
                    assert outcome == expected(shape, column), (shape.name, write.__name__, column)
                    written += 1
    print(f"{written} cells wrote the chosen row, {refused} refused, 0 wrong")
    assert (written, refused) == (138, 42)


async def attempt(
    database: Database[UnitOfWork], shape: Shape, write: Write, column: str
) -> set[tuple[str, int, str]] | None:
    """Write, and return what differs, or None if it was refused. Nothing is committed."""
    async with database.sessions() as session:
        before = await rows_of_all_tables(session)
        try:
            await write(shape, shape.repository(session), column)
        except TypeError as refused:
            if "is not mapped to one table: use add, update and delete" not in str(refused):
                raise
            assert difference(before, await rows_of_all_tables(session)) == set()
            return None
        return difference(before, await rows_of_all_tables(session))


async def test_a_parent_deletes_whole_rows_of_its_subclasses(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        assert await Vehicles(uow.session).delete_where(Asset.name == "n1") == 3
        assert await uow.session.scalar(select(func.count()).select_from(Car)) == 2
        assert await uow.session.scalar(select(func.count()).select_from(Boat.__table__)) == 1


async def test_a_parent_changes_its_own_columns_and_never_the_class_of_a_row(
    fleet: Database[UnitOfWork],
) -> None:
    async with fleet.unit_of_work() as uow:
        repository = Vehicles(uow.session)
        await repository.upsert_rows([Asset(id=1, name="new")], conflict_target=["id"])
        assert (await repository.get_one(1, with_for_update=True)).kind == "car"
        with pytest.raises(errors.StaleData):
            await repository.update_rows([Asset(id=2, name="new", version=1)])
        with pytest.raises(TypeError, match="Car is not mapped to one table"):
            await repository.insert_rows([Car(id=60, name="n", size=1)])
        assert await repository.get(60) is None


async def test_an_upsert_leaves_a_row_of_another_class_alone(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        dog = await uow.session.scalar(select(func.min(Dog.id)))
        row = {"id": dog, "name": "new", "size": 1}
        assert await Cats(uow.session).upsert(row, conflict_target=["id"]) is None
        assert (await uow.session.get_one(Dog, dog)).name == "n1"
        with pytest.raises(errors.StaleData):
            await Cats(uow.session).update_rows([{"id": dog, "version": 1, "name": "new"}])
        assert await Cats(uow.session).update_where(Cat.id == dog, name="new") == 0
