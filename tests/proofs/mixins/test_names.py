"""The items of a table have different names, or a project's conventions refuse the twins."""

import enum
from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from shop import db
from tests.db import test_conventions


class Color(enum.Enum):
    RED = "red"


def of(kind: type[Any], *arguments: Any, **options: Any) -> Callable[[], Any]:
    """Return a function that makes an item, since an item belongs to one table."""
    return lambda: kind(*arguments, **options)


def index(*expressions: Any, **options: Any) -> Callable[[], Any]:
    return of(sa.Index, None, *expressions, **options)


def colored(name: str) -> Callable[[], Any]:
    return lambda: sa.Column(name, sa.Enum(Color, native_enum=False, create_constraint=True))


A: sa.ColumnClause[Any] = sa.column("a")
B: sa.ColumnClause[Any] = sa.column("b")
ITEMS: dict[str, Callable[[], Any]] = {
    "index": index("a"),
    "unique index": index("a", unique=True),
    "descending": index(A.desc()),
    "NULLs first": index(A.nulls_first()),
    "lower": index(sa.func.lower(A)),
    "upper": index(sa.func.upper(A)),
    "text": index(sa.text("lower(a)")),
    "two columns": index("a", "b"),
    "the other way round": index("b", "a"),
    "a column with both names": index("a_b"),
    "some rows": index("a", postgresql_where=sa.text("b IS NULL")),
    "other rows": index("a", postgresql_where=sa.text("b IS NOT NULL")),
    "another method": index("a", postgresql_using="hash"),
    "other operators": index("a", postgresql_ops={"a": "text_pattern_ops"}),
    "more columns": index("a", postgresql_include=["b"]),
    "one NULL": index("a", unique=True, postgresql_nulls_not_distinct=True),
    "unique": of(sa.UniqueConstraint, "a"),
    "unique, two columns": of(sa.UniqueConstraint, "a", "b"),
    "unique, a column with both names": of(sa.UniqueConstraint, "a_b"),
    "unique, later": of(sa.UniqueConstraint, "a", deferrable=True),
    "check": of(sa.CheckConstraint, "a <> ''", name="color"),
    "another check": of(sa.CheckConstraint, "b <> ''", name="b"),
    "an enumeration": colored("first"),
    "another column of it": colored("second"),
    "key": of(sa.ForeignKeyConstraint, ["a"], ["others.id"], ondelete="CASCADE"),
    "another key": of(sa.ForeignKeyConstraint, ["b"], ["others.id"], ondelete="CASCADE"),
    "a key to another column": of(
        sa.ForeignKeyConstraint, ["a"], ["others.no"], ondelete="CASCADE"
    ),
    "exclusion": of(ExcludeConstraint, (A, "=")),
    "another exclusion": of(ExcludeConstraint, (B, "=")),
}


def table(metadata: sa.MetaData, name: str, *items: Any, schema: str | None = None) -> sa.Table:
    columns = [sa.Column(each, sa.Text) for each in ("a", "b", "a_b", "c", "b_c")]
    key = sa.Column("id", sa.Text, primary_key=True)
    return sa.Table(name, metadata, key, *columns, *items, schema=schema)


def names(*tables: sa.Table) -> list[str]:
    items: list[Any] = [each for one in tables for each in (*one.constraints, *one.indexes)]
    return [str(each.name) for each in items]


def refused(*tables: sa.Table) -> bool:
    said = [sentence for _, sentence in test_conventions.violations([*tables], [])]
    return any("two items are called" in sentence for sentence in said)


def test_two_items_of_a_table_have_two_names_or_are_refused() -> None:
    different, twins = 0, list[str]()
    for one, two in combinations(ITEMS, 2):
        metadata = sa.MetaData(naming_convention=db.NAMING_CONVENTION)
        table(metadata, "others", sa.Column("no", sa.Text))
        both = table(metadata, "things", ITEMS[one](), ITEMS[two]())
        found = names(both)
        assert refused(both) == (len(found) > len({*found})), (one, two, found)
        different += len(found) == len({*found})
        if len(found) > len({*found}):
            twins.append(f"{one} and {two}")
    print(f"{different} pairs have different names, {len(twins)} are refused:", *twins, sep="\n")
    assert (different, len(twins)) == (388, 18)  # the names of a release never change


def test_two_indexes_of_a_schema_have_two_names_or_are_refused() -> None:
    indexes: dict[str, Callable[[str], Any]] = {
        "index": lambda column: sa.Index(None, column),
        "unique": sa.UniqueConstraint,
        "exclusion": lambda column: ExcludeConstraint((sa.column(column), "=")),
        "check": lambda column: sa.CheckConstraint(f"{column} <> ''", name=column),
    }
    for (kind, make), other in product(indexes.items(), [None, "archive"]):
        metadata = sa.MetaData(naming_convention=db.NAMING_CONVENTION)
        one = table(metadata, "things", make("b_c"))
        two = table(metadata, "things_b", make("c"), schema=other)
        assert {*names(one)} & {*names(two)}, kind
        assert refused(one, two) == (kind != "check" and other is None), (kind, other)
