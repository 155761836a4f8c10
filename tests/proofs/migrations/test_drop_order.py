"""Tables are dropped in an order that PostgreSQL accepts, in any order of their discovery."""

from itertools import permutations

import pytest
from alembic.operations.ops import AddColumnOp, DropConstraintOp, DropTableOp
from alembic.util import CommandError
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table

from shop.db.migrations.authoring.ordering import order_drops

CHAIN = {"a": ["b"], "b": ["c", "b"], "c": [], "d": ["a", "elsewhere"]}


def drops(references: dict[str, list[str]], schema: str | None = None) -> dict[str, DropTableOp]:
    metadata = MetaData(schema=schema)
    prefix = f"{schema}." if schema else ""
    Table("elsewhere", metadata, Column("id", Integer, primary_key=True))
    tables = {
        name: Table(
            name,
            metadata,
            Column("id", Integer, primary_key=True),
            *(Column(f"{to}_id", ForeignKey(f"{prefix}{to}.id")) for to in others),
        )
        for name, others in references.items()
    }
    return {name: DropTableOp.from_table(table) for name, table in tables.items()}


@pytest.mark.parametrize("schema", [None, "sales"])
@pytest.mark.parametrize("names", [*permutations(CHAIN)])
def test_a_table_is_dropped_before_the_tables_that_it_refers_to(
    names: tuple[str, ...], schema: str | None
) -> None:
    found = drops(CHAIN, schema)

    ordered = order_drops([found[name] for name in names])

    assert ordered == [found[name] for name in ("d", "a", "b", "c")]


def test_a_table_is_dropped_after_the_other_operations() -> None:
    found = drops({"a": ["b"], "b": []})
    others = [AddColumnOp("other", Column("n")), DropConstraintOp("fk", "other")]

    ordered = order_drops([others[0], found["b"], others[1], found["a"]])

    assert ordered == [*others, found["a"], found["b"]]


def test_a_circle_of_references_is_refused() -> None:
    with pytest.raises(CommandError, match=r"refer to each other \([ab], [ab], [ab]\)"):
        order_drops([*drops({"a": ["b"], "b": ["a"]}).values()])
