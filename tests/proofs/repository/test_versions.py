"""A version of any kind changes with its row: a counter, a text of the program, a value of the server."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import FetchedValue, MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db import Database, DatabaseSettings, UnitOfWork, errors
from shop.db.mixins import bigint
from shop.db.repository import batches


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Counted(bigint.PrimaryKey, Base):
    __tablename__ = "vk_counted"

    name: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Random(bigint.PrimaryKey, Base):
    __tablename__ = "vk_random"

    name: Mapped[str] = mapped_column(unique=True)
    version: Mapped[str] = mapped_column()
    __mapper_args__ = {
        "version_id_col": version,
        "version_id_generator": lambda _: uuid.uuid4().hex,
    }


class Triggered(bigint.PrimaryKey, Base):
    __tablename__ = "vk_triggered"

    name: Mapped[str] = mapped_column(unique=True)
    version: Mapped[str] = mapped_column(
        server_default=text("gen_random_uuid()::text"), server_onupdate=FetchedValue()
    )
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}


TRIGGER = """
CREATE FUNCTION vk_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN new.version := gen_random_uuid()::text\\; RETURN new\\; END $$;
CREATE TRIGGER change BEFORE UPDATE ON vk_triggered FOR EACH ROW EXECUTE FUNCTION vk_change()
"""


@pytest.fixture
async def versions(proof_settings: DatabaseSettings) -> AsyncIterator[Database[UnitOfWork]]:
    async with Database(proof_settings, UnitOfWork) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            for statement in TRIGGER.split(";\n"):
                await connection.exec_driver_sql(statement.replace("\\", ""))
        yield database


Change = Callable[[Any, Any], Awaitable[object]]
CHANGES: list[Change] = [
    lambda rows, row: rows.update(row, name="c"),
    lambda rows, row: rows.update_where(rows.model.id == row.id, name="d"),
    lambda rows, row: rows.update_rows([{"id": row.id, "version": row.version, "name": "e"}]),
    lambda rows, row: rows.upsert({"id": row.id, "name": "f"}, conflict_target=["id"]),
    lambda rows, row: rows.upsert_rows([{"id": row.id, "name": "g"}], conflict_target=["id"]),
]


@pytest.mark.parametrize("few", [1000, 0])
@pytest.mark.parametrize("model", [Counted, Random, Triggered])
async def test_each_method_gives_a_row_another_version(
    versions: Database[UnitOfWork], monkeypatch: pytest.MonkeyPatch, model: Any, few: int
) -> None:
    monkeypatch.setattr(batches, "FEW", few)
    async with versions.sessions() as session:
        rows: Any = type("Rows", (db.Repository,), {"model": model})(session)
        await rows.insert_rows([{"name": "a"}, {"name": "b"}])
        [row, other] = await rows.all(order_by=model.name)
        before, unchanged = row.version, other.version
        for change in CHANGES:
            await change(rows, row)
            await session.refresh(row)
            assert row.version != before
            with pytest.raises(errors.StaleData):
                await rows.update_rows([{"id": row.id, "version": before, "name": "x"}])
            before = row.version
        await session.refresh(other)
        assert (other.name, other.version) == ("b", unchanged)
