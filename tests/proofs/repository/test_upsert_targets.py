"""An upsert of many rows ends like INSERT … ON CONFLICT of each row, for each kind of conflict target."""

from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Index, UniqueConstraint, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.mixins import bigint
from shop.db.repository import batches
from tests.proofs.support.rows import upsert_rows


class Base(db.Base, DeclarativeBase):
    type_annotation_map = db.TYPE_ANNOTATION_MAP


def model(number: int, target: Index | UniqueConstraint) -> type[Any]:
    """Return a model with one conflict target. The server fills `b`."""
    vars(target)["name"] = f"target_{number}"
    attributes = {
        "__tablename__": f"targets_{number}",
        "__table_args__": (target,),
        "__annotations__": {"a": Mapped[str | None], "b": Mapped[int | None], "words": Mapped[str]},
        "b": mapped_column(server_default=text("1")),
    }
    return type(f"Target{number}", (bigint.PrimaryKey, Base), attributes)


def unique(*columns: Any, where: Any = None) -> Index:
    return Index(None, *columns, unique=True, postgresql_where=where)


TARGETS: list[Index | UniqueConstraint] = [
    UniqueConstraint("a"),
    UniqueConstraint("a", "b"),
    UniqueConstraint("a", postgresql_nulls_not_distinct=True),
    unique(text("lower(a)")),
    unique(text("lower(a)"), where=text("b > 0")),
    unique("a", where=text("b > 0")),
    unique("a", where=text("b IS NULL AND words <> 'x'")),
    unique("a", "b", where=text(r"words LIKE '%\:y'")),
]
MODELS = [model(number, target) for number, target in enumerate(TARGETS)]
VALUES: dict[str, list[Any]] = {"a": ["a", "A", None], "b": [1, 0, None], "words": ["x", "x :y"]}
GIVEN = [("a", "b", "words"), ("a", "words"), ("a", "b"), ("b", "words")]


async def test_rows_end_as_if_they_were_written_one_after_another(
    proof_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database(proof_settings, db.UnitOfWork) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.unit_of_work() as work:
            cases = product(MODELS, GIVEN)
            wrong = [case async for case in differing(work.session, cases, monkeypatch)]
    assert not wrong


async def differing(
    session: AsyncSession, cases: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """Yield the cases in which all rows of one call end in another way than one row after another."""
    compared = 0
    for target, given in cases:
        table, name = target.__table__.c, target.__table_args__[0].name
        if "a" not in given and target is not MODELS[1]:
            continue  # the rows give no column of the target
        needed = {"words": "x"} if "words" not in given else {}
        every: Any = product(*(VALUES[each] for each in given))
        rows = [dict(zip(given, each, strict=True)) | needed for each in every]
        ends = []
        for calls, few in (([[row] for row in rows], 1000), ([rows], 1000), ([rows], 0)):
            monkeypatch.setattr(batches, "FEW", few)
            for call in calls:
                await upsert_rows(session, target, call, conflict_target=name)
            found = await session.execute(select(table.a, table.b, table.words))
            ends.append(sorted(map(repr, found)))
            await session.execute(delete(target))
        if not ends[0] == ends[1] == ends[2]:
            yield f"{name}, {given}"
        compared += 1
    print(f"{compared} cases")


class Sorted(bigint.PrimaryKey, Base):
    __tablename__ = "sorted_targets"
    __table_args__ = (
        Index("falling", text("a DESC"), unique=True),
        Index("nulls_last", text("a NULLS LAST"), unique=True),
        Index("small", text("lower(a)"), unique=True),
    )

    a: Mapped[str]


falling = Sorted.__table__.c.a.desc()
Index("falling_too", falling, unique=True)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("falling", "ON CONFLICT cannot use falling: create it without DESC or NULLS"),
        ("falling_too", "ON CONFLICT cannot use falling_too: create it without DESC or NULLS"),
        ("nulls_last", "ON CONFLICT cannot use nulls_last: create it without DESC or NULLS"),
        ([Sorted.a], "0 unique constraints .* give the columns or the name of one of .*small"),
        ([func.lower(Sorted.a)], r"Sorted has no column lower\(sorted_targets.a\)"),
        ([falling], "Sorted has no column sorted_targets.a DESC"),
    ],
)
async def test_a_conflict_target_that_cannot_be_used_is_told_in_one_sentence(
    proof_settings: DatabaseSettings, target: Any, sentence: str
) -> None:
    async with Database(proof_settings, db.UnitOfWork) as database, database.unit_of_work() as work:
        with pytest.raises((TypeError, ValueError), match=sentence):
            await upsert_rows(work.session, Sorted, [{"a": "a"}], conflict_target=target)
