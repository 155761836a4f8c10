"""Names that the server would cut."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy.schema import conv

from tests.proofs.support.history import History, Shed
from tests.proofs.support.kinds import models


def named(name: str) -> dict[str, Callable[[], sa.MetaData]]:
    """Return models with this name, by what has it."""

    def with_a_table(*items: Any, **options: Any) -> sa.MetaData:
        metadata = models()
        sa.Table(options.pop("called", "others"), metadata, *items, **options)
        return metadata

    def key() -> Any:
        return sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)

    next_value = sa.Sequence(name).next_value
    return {
        "table": lambda: with_a_table(key(), called=name),
        "schema": lambda: with_a_table(key(), schema=name),
        "column": lambda: models(sa.Column(name, sa.Text)),
        "enumeration": lambda: models(sa.Column("level", sa.Enum("a", name=name))),
        "sequence": lambda: models(
            sa.Column("number", sa.Integer, sa.Sequence(name), server_default=next_value())
        ),
        "unique": lambda: models(sa.UniqueConstraint("size", name=name)),
        "derived": lambda: models(sa.UniqueConstraint("size", name=conv(f"uq_things_{name}"))),
        "index": lambda: models(sa.Index(name, "size")),
        "primary key": lambda: with_a_table(
            sa.Column("id", sa.Integer), sa.PrimaryKeyConstraint("id", name=name)
        ),
        "foreign key": lambda: with_a_table(
            key(), sa.ForeignKeyConstraint(["id"], ["things.id"], name=name)
        ),
    }


UNCUT, CUT = "n" + 31 * "ä", "n" + 32 * "ä"  # 63 and 65 bytes
KEYS = {"primary key", "foreign key"}  # which are compared without their names


async def test_a_name_that_the_server_would_cut_is_refused(shed: Shed) -> None:
    def work(history: History) -> None:
        for kind in named(""):
            for name in (CUT, 64 * "n") if kind in KEYS else (CUT,):
                with pytest.raises(CommandError, match="has more than 63 bytes: shorten it"):
                    history.revise(named(name)[kind]())

    await shed(work)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, UNCUT) for kind in named("") if kind != "derived"),
        *((kind, conv(CUT)) for kind in sorted(KEYS)),
        ("derived", 60 * "n"),  # SQLAlchemy shortens the name of the constraint
        ("derived", 58 * "n" + "ä"),
    ],
)
async def test_a_name_that_the_server_keeps_makes_no_difference(
    shed: Shed, kind: str, name: str
) -> None:
    def work(history: History) -> None:
        make = named(name)[kind]
        history.revise_as_told(make)
        history.upgrade(make())
        history.downgrade(make(), "base")
        history.upgrade(make())

    await shed(work)


@pytest.mark.parametrize("name", [64 * "n", 32 * "ä", conv(64 * "n")])
async def test_a_check_whose_name_the_server_would_cut_is_refused(shed: Shed, name: str) -> None:
    def work(history: History) -> None:
        with pytest.raises(CommandError, match="has more than 63 bytes: shorten it"):
            history.revise(models(sa.CheckConstraint("size > 0", name=name)))
        history.revise(
            models(sa.CheckConstraint("size > 0", name=conv(name.encode()[:62].decode())))
        )
        history.upgrade(
            models(sa.CheckConstraint("size > 0", name=conv(name.encode()[:62].decode())))
        )

    await shed(work)
