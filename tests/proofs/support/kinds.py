"""The kinds of parts that a model may have.

A kind is a function that returns parts of a table. It gets the number 1 or 2, and a change goes from the
first form to the second. Each call makes new parts, because a part belongs to one table.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tests.proofs.support.own_types import LABELS_AS_TEXT, Flag, Key, Level, Money, Place, shade
from tests.proofs.support.server_words import SERVER_WORDS

Kind = Callable[[int], Sequence[Any]]


def column(*types: Any, **options: Any) -> Kind:
    """Return a kind of column. The second type is for the second form."""

    def make(number: int) -> Sequence[Any]:
        kind = types[min(number, len(types)) - 1]
        made: Any = kind() if callable(kind) else kind
        return [sa.Column("thing", made, **options)]

    return make


def needed(name: str) -> Kind:
    """Return a kind of column that gets NOT NULL."""
    return lambda number: [
        sa.Column(name, sa.Text, nullable=number == 1, server_default="x"),
    ]


def default(*defaults: Callable[[], Any], kind: Any = sa.Text) -> Kind:
    """Return a kind of column with a default in the database."""
    return lambda number: [sa.Column("thing", kind, server_default=defaults[number - 1]())]


def item(*items: Callable[[], Any]) -> Kind:
    """Return a kind of constraint or index."""
    return lambda number: [items[min(number, len(items)) - 1]()]


def labels(*names: str, **options: Any) -> Callable[[], Any]:
    """Return a function that makes an enumeration."""
    return lambda: sa.Enum(*names, name="level", **options)


def checked(*conditions: str) -> Kind:
    """Return a kind of column with checks that are written at the column. The empty text is no check."""
    return lambda number: [
        sa.Column(
            "thing",
            sa.Integer,
            *(sa.CheckConstraint(each, name="thing") for each in [conditions[number - 1]] if each),
        )
    ]


PARTS: dict[str, Kind] = {
    "a text": column(sa.Text, sa.String(20)),
    "a number": column(sa.Numeric(5, 2), sa.Numeric(9, 2)),
    "a timestamp with a precision": column(postgresql.TIMESTAMP(precision=3), postgresql.TIMESTAMP),
    "an interval": column(sa.Interval, postgresql.INTERVAL(fields="DAY TO SECOND")),
    "a collation": column(sa.String(9), sa.String(9, collation="C")),
    "a type of the project": column(Money, sa.BigInteger),
    "a type of the project, by the dialect": column(Key, sa.Text),
    "a type of the project, as a variant": column(
        lambda: sa.Text().with_variant(Money(), "postgresql"),
        lambda: sa.Text().with_variant(sa.BigInteger(), "postgresql"),
    ),
    "a type of the database": column(Place, lambda: Place("box")),
    "a list": column(sa.ARRAY(sa.Text), sa.ARRAY(sa.Integer)),
    "a list of a type of the project": column(lambda: sa.ARRAY(Money()), sa.ARRAY(sa.Text)),
    "a list of labels": column(
        lambda: sa.ARRAY(labels("a", "b")()), lambda: sa.ARRAY(labels("a", "b", "c")())
    ),
    "JSON": column(lambda: sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), sa.JSON),
    "words to search": column(postgresql.TSVECTOR, sa.Text),
    "a pickle": column(sa.PickleType, sa.LargeBinary),
    "an enumeration": column(labels("a", "b"), labels("a", "b", "c")),
    "an enumeration of a class": column(lambda: sa.Enum(Level), labels("LOW", "MEDIUM", "HIGH")),
    "an enumeration with colons": column(labels(":a", "it's"), labels("x :b", ":a", "it's")),
    "an enumeration in a schema": column(
        labels("a", schema="kinds"), labels("a", "b", schema="kinds")
    ),
    "an enumeration as text": column(
        labels("a", "b", **LABELS_AS_TEXT), labels("a", "b", "c", **LABELS_AS_TEXT)
    ),
    "a text, then an enumeration as text": column(sa.String(9), labels("a", **LABELS_AS_TEXT)),
    "an enumeration as text, then a text": column(labels("a", **LABELS_AS_TEXT), sa.String(9)),
    "an enumeration as text of a type of the project": column(
        lambda: shade("a"), lambda: shade("a", "b")
    ),
    "an enumeration as text, as a variant": column(
        lambda: sa.Text().with_variant(labels("a", **LABELS_AS_TEXT)(), "postgresql"),
        lambda: sa.Text().with_variant(labels("a", "b", **LABELS_AS_TEXT)(), "postgresql"),
    ),
    "a truth with a check": column(lambda: sa.Boolean(create_constraint=True, name="b"), sa.Text),
    "a truth of a type of the project": column(Flag, sa.Text),
    "a domain": column(
        lambda: postgresql.DOMAIN("positive", sa.Integer(), check="VALUE > 0"), sa.Integer
    ),
    "a default": default(lambda: "a", lambda: "b"),
    "a default with a quote": default(lambda: "it's", lambda: "rock 'n'"),
    "a default in quotes": default(lambda: "'a'", lambda: "'b'"),
    "a default with a colon": default(
        lambda: sa.text(r"""'{"a"\:1}'"""), lambda: sa.text(r"'\:b\:'::text")
    ),
    "a default by a function": default(lambda: sa.func.now(), lambda: sa.func.clock_timestamp()),
    "a default by row": default(
        lambda: sa.text("random()::text"), lambda: sa.text("random()::text || 'x'")
    ),
    "a number as default": default(lambda: sa.text("5"), lambda: sa.text("6"), kind=sa.Integer),
    "a default that a trigger gives": default(sa.FetchedValue, sa.FetchedValue),
    "a default of a sequence": lambda number: [
        sa.Column(
            "thing",
            sa.Integer,
            counter := sa.Sequence(f"counter_{number}"),
            server_default=counter.next_value(),
        )
    ],
    "a sequence of the client": lambda number: [
        sa.Column("thing", sa.Integer, sa.Sequence(f"counter_{number}"))
    ],
    "a stored value": default(
        lambda: sa.Computed("id + 1", persisted=True),
        lambda: sa.Computed("id + 2", persisted=True),
        kind=sa.Integer,
    ),
    "a stored text with a colon": default(
        lambda: sa.Computed(r"'\:x' || id::text", persisted=True),
        lambda: sa.Computed(r"'\:y' || id::text", persisted=True),
    ),
    "an identity": default(
        lambda: sa.Identity(), lambda: sa.Identity(start=100, increment=2), kind=sa.Integer
    ),
    "an identity, always": default(
        lambda: sa.Identity(always=True), lambda: sa.Identity(), kind=sa.Integer
    ),
    "a comment": lambda number: [sa.Column("thing", sa.Text, comment=f'it\'s "{number}" % :x')],
    "a name in capitals": lambda number: [
        sa.Column("The thing", sa.Text, server_default=f"{number}")
    ],
    "a check": item(
        lambda: sa.CheckConstraint("size > 0", name="size"),
        lambda: sa.CheckConstraint("size > 5", name="size"),
    ),
    "a check at a column": checked("thing > 0", "thing > 5"),
    "a check at a column with a value": lambda number: [
        sa.Column(
            "thing",
            sa.Integer,
            sa.CheckConstraint("thing > 0", name="thing"),
            sa.CheckConstraint(f"thing < {number}00", name="small"),
            server_default="7",
            nullable=False,
        )
    ],
    "a check that comes to a column": checked("", "thing > 5"),
    "a check that leaves a column": checked("thing > 5", ""),
    "a check at an old column": lambda number: [
        sa.Column("size", sa.Integer, sa.CheckConstraint(f"size > {number}", name="size"))
    ],
    "an exclusion at an old column": lambda number: [
        sa.Column(
            "size",
            sa.Integer,
            postgresql.ExcludeConstraint(
                (sa.text(f"int4range(size, size + {number})"), "&&"), name="x"
            ),
        )
    ],
    "a unique column": lambda number: [
        sa.Column("thing", sa.Integer, unique=number == 1, index=True)
    ],
    "a column that refers to a table": lambda number: [
        sa.Column(
            "thing",
            sa.Integer,
            sa.ForeignKey(
                "things.id", name="f", use_alter=True, ondelete="CASCADE" if number == 2 else None
            ),
        )
    ],
    "a check with a colon": item(
        lambda: sa.CheckConstraint(r"email NOT LIKE '%\:x%'", name="mail"),
        lambda: sa.CheckConstraint(r"email NOT LIKE '%\:y\:%'", name="mail"),
    ),
    "a check with a cast and a colon": item(
        lambda: sa.CheckConstraint(r"size::text <> '\:a::b'", name="mail"),
        lambda: sa.CheckConstraint(r"size::text <> '\:a::c'", name="mail"),
    ),
    "a check in Python": item(
        lambda: sa.CheckConstraint(sa.column("email").not_like("%:x%"), name="mail"),
        lambda: sa.CheckConstraint(sa.column("email").not_like("%:y%"), name="mail"),
    ),
    "an index": item(lambda: sa.Index("i", "size"), lambda: sa.Index("i", "size", "email")),
    "an index of some rows": item(
        lambda: sa.Index("i", "size", postgresql_where=sa.text(r"email <> '\:x'")),
        lambda: sa.Index("i", "size", postgresql_where=sa.text(r"email <> '\:y'")),
    ),
    "an index of an expression": item(
        lambda: sa.Index("i", sa.text("lower(email || ':x')")),
        lambda: sa.Index("i", sa.text("upper(email || ':x')")),
    ),
    "an index with options": item(
        lambda: sa.Index("i", "email", postgresql_ops={"email": "text_pattern_ops"}),
        lambda: sa.Index("i", sa.desc("email"), postgresql_include=["size"]),
    ),
    "an index that asks for CONCURRENTLY": item(
        lambda: sa.Index("i", "size", postgresql_concurrently=True),
        lambda: sa.Index("i", "email", postgresql_concurrently=True),
    ),
    "a unique index": item(
        lambda: sa.Index("i", "size", unique=True),
        lambda: sa.Index("i", "size", unique=True, postgresql_nulls_not_distinct=True),
    ),
    "a unique constraint": item(
        lambda: sa.UniqueConstraint("size", name="u"),
        lambda: sa.UniqueConstraint("size", name="u", deferrable=True, initially="DEFERRED"),
    ),
    "a unique constraint with options": item(
        lambda: sa.UniqueConstraint("size", name="u", postgresql_nulls_not_distinct=True),
        lambda: sa.UniqueConstraint("size", name="u", postgresql_include=["email"]),
    ),
    "an exclusion": item(
        lambda: postgresql.ExcludeConstraint(
            (sa.text("int4range(size, size + 1)"), "&&"), name="x"
        ),
        lambda: postgresql.ExcludeConstraint(
            (sa.text("int4range(size, size + 9)"), "&&"), name="x"
        ),
    ),
    "a foreign key": item(
        lambda: sa.ForeignKeyConstraint(["size"], ["things.id"], name="f"),
        lambda: sa.ForeignKeyConstraint(["size"], ["things.id"], name="f", ondelete="CASCADE"),
    ),
}
"""The parts that a table can have besides `id`, `size` and `email`."""


def key(*names: str, **options: Any) -> Callable[[], Any]:
    """Return a function that makes a primary key."""
    return lambda: sa.PrimaryKeyConstraint(*names, name="pk", **options)


TABLES: dict[str, tuple[Kind, dict[str, Any]]] = {
    "a primary key": (item(key("id"), key("id", "size")), {}),
    "a deferrable primary key": (item(key("id"), key("id", deferrable=True)), {}),
    "a schema": (column(sa.Text, sa.String(9)), {"schema": "books"}),
    "an enumeration in the table's schema": (
        column(labels("a", schema="books"), labels("a", "b", schema="books")),
        {"schema": "books"},
    ),
    "the default schema": (column(sa.Text, sa.String(9)), {"schema": "public"}),
    "a needed value, in a schema": (needed("thing"), {"schema": "books"}),
    "a needed value with a long name of wide letters": (needed("ö" * 27), {}),
    "a default in a schema": (default(lambda: "a", lambda: "b"), {"schema": "books"}),
    "information for Python": (column(sa.Text, sa.String(9)), {"info": {"key": object()}}),
    "a comment of the table": (column(sa.Text, sa.String(9)), {"comment": 'it\'s "this" :x'}),
    "storage": (column(sa.Text, sa.String(9)), {"postgresql_with": {"fillfactor": 70}}),
}
"""Kinds of primary keys, and options of a table."""

KINDS: dict[str, tuple[Kind, dict[str, Any]]] = {
    **{name: (kind, {}) for name, kind in (PARTS | SERVER_WORDS).items()},
    **TABLES,
}
"""All kinds, each with the options of its table."""

ROWS = "INSERT INTO {}.things (id, size, email) VALUES (6, 60, 'a'), (60, 6, 'b')"
"""Fills the table without the kind. The schema is missing."""


def models(*parts: Any, **options: Any) -> sa.MetaData:
    """Return models with one table that has these parts. A column replaces the one with its name."""
    metadata = sa.MetaData()
    own_key = any(isinstance(part, sa.PrimaryKeyConstraint) for part in parts)
    given = {part.name for part in parts if isinstance(part, sa.Column)}
    own: list[sa.Column[Any]] = [
        sa.Column("id", sa.Integer, primary_key=not own_key, autoincrement=False),
        sa.Column("size", sa.Integer),
        sa.Column("email", sa.Text),
    ]
    columns = [each for each in own if each.name not in given]
    sa.Table("things", metadata, *columns, *parts, **options)
    return metadata
