"""Dropped tables are dropped in an order that PostgreSQL accepts, however they were found."""

from graphlib import CycleError
from itertools import permutations
from typing import cast

import pytest
from alembic.operations.ops import (
    CreateIndexOp,
    DowngradeOps,
    DropIndexOp,
    DropTableOp,
    MigrationScript,
    UpgradeOps,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table

from shop.db.migrations.ordering import order_drops

CHAIN = {"a": ["b"], "b": ["c", "b"], "c": [], "d": ["a", "elsewhere"]}


def tables(references: dict[str, list[str]], schema: str | None = None) -> dict[str, Table]:
    metadata = MetaData(schema=schema)
    prefix = f"{schema}." if schema else ""
    Table("elsewhere", metadata, Column("id", Integer, primary_key=True))
    return {
        name: Table(
            name,
            metadata,
            Column("id", Integer, primary_key=True),
            *(Column(f"{to}_id", ForeignKey(f"{prefix}{to}.id")) for to in others),
        )
        for name, others in references.items()
    }


def script(found: list[Table]) -> MigrationScript:
    drops = [DropTableOp.from_table(table) for table in found]
    return MigrationScript(
        "1",
        UpgradeOps([DropIndexOp("ix", "a"), *drops]),
        DowngradeOps([*(drop.reverse() for drop in reversed(drops)), CreateIndexOp("ix", "a", [])]),
    )


@pytest.mark.parametrize("schema", [None, "sales"])
@pytest.mark.parametrize("names", [*permutations(CHAIN)])
def test_a_table_is_dropped_before_those_it_refers_to(
    names: tuple[str, ...], schema: str | None
) -> None:
    found = tables(CHAIN, schema)
    directives = [script([found[name] for name in names])]

    order_drops(cast(MigrationContext, None), (), directives)

    [directive] = directives
    assert directive.upgrade_ops is not None
    assert directive.downgrade_ops is not None
    index, *drops = directive.upgrade_ops.ops
    *creates, created_index = directive.downgrade_ops.ops
    assert isinstance(index, DropIndexOp)
    assert isinstance(created_index, CreateIndexOp)
    assert [getattr(each, "table_name", None) for each in drops] == ["d", "a", "b", "c"]
    assert [getattr(each, "table_name", None) for each in creates] == ["c", "b", "a", "d"]


def test_a_drop_stays_behind_what_frees_the_table_and_before_what_needs_it_gone() -> None:
    found = tables({"a": ["b"], "b": []})
    drops = [DropTableOp.from_table(found[name]) for name in ("b", "a")]
    freed, after = DropIndexOp("freed", "other"), CreateIndexOp("after", "other", [])
    directive = MigrationScript(
        "1",
        UpgradeOps([freed, drops[0], drops[1], after]),
        DowngradeOps([DropIndexOp("after", "other"), *(each.reverse() for each in drops)]),
    )

    order_drops(cast(MigrationContext, None), (), [directive])

    assert directive.upgrade_ops is not None
    assert directive.downgrade_ops is not None
    assert directive.upgrade_ops.ops == [freed, drops[1], drops[0], after]
    kinds = [type(each).__name__ for each in directive.downgrade_ops.ops]
    assert kinds == ["DropIndexOp", "CreateTableOp", "CreateTableOp"]


def test_a_circle_is_said() -> None:
    found = tables({"a": ["b"], "b": ["a"]})

    with pytest.raises(CycleError, match="cycle"):
        order_drops(cast(MigrationContext, None), (), [script([*found.values()])])
