"""A table with a column of each type, and tables with a primary key of each type."""

import datetime
import enum
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeEngine, UserDefinedType

from shop import db


class TypedBase(db.Base, DeclarativeBase):
    metadata = sa.MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Size(enum.Enum):
    SMALL = "s"
    BIG = "b"


class Pair(enum.Enum):
    """An enumeration whose values are neither text nor numbers."""

    LEFT = (1, 2)
    RIGHT = (3, 4)


class Guid(sa.TypeDecorator[uuid.UUID]):
    """The recipe of SQLAlchemy's documentation: UUID in PostgreSQL, CHAR(32) elsewhere."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(pg.UUID())
        return dialect.type_descriptor(sa.CHAR(32))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> uuid.UUID | None:
        return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(value)


class Cents(sa.TypeDecorator[float]):
    """Euros in Python, cents in the database."""

    impl = sa.Integer
    cache_ok = True

    @property
    def python_type(self) -> type[float]:
        return float

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else round(value * 100)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> float | None:
        return None if value is None else value / 100


class Backwards(sa.TypeDecorator[str]):
    """Text that the server writes and reads in reverse."""

    impl = sa.Text
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str

    def bind_expression(self, bindparam: sa.BindParameter[str]) -> sa.ColumnElement[str]:
        return sa.func.reverse(bindparam)

    def column_expression(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        return sa.func.reverse(column, type_=sa.Text)


class Document(sa.TypeDecorator[Any]):
    impl = pg.JSONB
    cache_ok = True

    @property
    def python_type(self) -> type[object]:
        return dict


class Plain(UserDefinedType[str]):
    """A type that the project makes itself."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "citext"


@dataclass(frozen=True)
class Case:
    """A type.

    `literals` are values in SQL. `texts` are the first of them as a client writes them. A client cannot
    filter by the type if `filtered` is false.
    """

    kind: TypeEngine[Any]
    literals: Sequence[str]
    texts: Sequence[str] = ()
    filtered: bool = True


def same(kind: TypeEngine[Any], *values: str) -> Case:
    return Case(kind, [f"'{value}'" for value in values], values)


KEYS = [str(uuid.UUID(int=number)) for number in (0, 7, 2**127)]
SCALARS = {
    "smallint": same(sa.SmallInteger(), "-32768", "0", "32767"),
    "integer": same(sa.Integer(), "-2147483648", "0", "2147483647"),
    "bigint": same(sa.BigInteger(), str(-(2**63)), "0", str(2**63 - 1)),
    "numeric": Case(
        sa.Numeric(), ["0.1", "1e30", "'-Infinity'", "'Infinity'", "'NaN'"], ["0.1", "1e30"]
    ),
    "numeric_10_2": Case(
        sa.Numeric(10, 2), ["-99999999.99", "0.10", "'NaN'"], ["-99999999.99", "0.1"]
    ),
    "numeric_float": same(sa.Numeric(10, 2, asdecimal=False), "-1.01", "99999999.99"),
    "real": same(sa.REAL(), "-Infinity", "0.5", "1e10", "NaN"),
    "real_inexact": Case(sa.Float(24), ["0.1", "0.2", "1e30"]),
    "double": same(sa.Double(), "-Infinity", "0.1", "1e300", "Infinity", "NaN"),
    "float_decimal": same(sa.Float(asdecimal=True), "0.123456789012", "0.123456789013"),
    "text": same(sa.Text(), "", "a", "b"),
    "text_c": same(sa.Text(collation="C"), "", "A", "a"),
    "varchar_2": same(sa.String(2), "", "a", "ab"),
    "char_5": same(sa.CHAR(5), "a", "ab", "abcde"),
    "char": same(sa.CHAR(), "a", "b"),
    "citext": same(pg.CITEXT(), "a", "b"),
    "uuid": same(sa.Uuid(), *KEYS),
    "uuid_text": same(sa.Uuid(as_uuid=False), *KEYS),
    "uuid_chars": Case(
        sa.Uuid(native_uuid=False), [f"'{key.replace('-', '')}'" for key in KEYS], KEYS
    ),
    "boolean": same(sa.Boolean(), "false", "true"),
    "date": Case(
        sa.Date(),
        ["'-infinity'", "'2024-02-29'", "'9999-12-30'", "'infinity'"],
        ["0001-01-01", "2024-02-29", "9999-12-30", "9999-12-31"],
    ),
    "timestamp": same(sa.DateTime(), "0001-01-01T00:00:01", "2024-02-29T01:02:03.000004"),
    "timestamptz": same(
        sa.DateTime(timezone=True),
        "0001-01-01T00:00:01+00:00",
        "2024-02-29T01:02:03.000004+14:00",
        "9999-12-31T23:59:59+00:00",
    ),
    "time": same(sa.Time(), "00:00:00", "23:59:59.999999"),
    "bytea": same(sa.LargeBinary(), "", "a", "b"),
    "enum": Case(sa.Enum(Size, name="size"), ["'SMALL'", "'BIG'"], ["s", "b"]),
    "enum_text": same(sa.Enum("small", "big", name="size_text"), "small", "big"),
    "enum_pair": Case(sa.Enum(Pair, name="pair"), ["'LEFT'", "'RIGHT'"]),
    "enum_emulated": Case(sa.Enum(Size, native_enum=False), ["'BIG'", "'SMALL'"], ["b", "s"]),
    "cents": Case(Cents(), ["1", "250"], ["0.01", "2.5"]),
    "backwards": Case(Backwards(), ["'az'", "'ba'"], ["za", "ab"]),
    "guid": Case(Guid(), [f"'{key}'" for key in KEYS], filtered=False),
    "pickle": Case(sa.PickleType(), [r"'\x80054b012e'", r"'\x80054b022e'"], filtered=False),
    "variant": same(sa.Text().with_variant(sa.Integer(), "postgresql"), "-9", "10"),
    "variant_cents": Case(
        sa.Text().with_variant(Cents(), "postgresql"), ["1", "250"], ["0.01", "2.5"]
    ),
    "variant_guid": Case(
        Backwards().with_variant(Guid(), "postgresql"), [f"'{key}'" for key in KEYS], filtered=False
    ),
}
REFUSED: dict[str, TypeEngine[Any]] = {
    "interval": sa.Interval(),
    "interval_native": pg.INTERVAL(),
    "timetz": sa.Time(timezone=True),
    "json": sa.JSON(),
    "jsonb": pg.JSONB(),
    "array": sa.ARRAY(sa.Integer),
    "array_pg": pg.ARRAY(sa.Text),
    "hstore": pg.HSTORE(),
    "inet": pg.INET(),
    "cidr": pg.CIDR(),
    "macaddr": pg.MACADDR(),
    "macaddr8": pg.MACADDR8(),
    "money": pg.MONEY(),
    "oid": pg.OID(),
    "regclass": pg.REGCLASS(),
    "regconfig": pg.REGCONFIG(),
    "bit": pg.BIT(3),
    "varbit": pg.BIT(varying=True),
    "tsvector": pg.TSVECTOR(),
    "tsquery": pg.TSQUERY(),
    "jsonpath": pg.JSONPATH(),
    "domain": pg.DOMAIN("some_domain", sa.Integer),
    "document": Document(),
    "plain": Plain(),
    "variant_inet": sa.Text().with_variant(pg.INET(), "postgresql"),
    **{
        f"{name}{kind}": getattr(pg, f"{name}{kind}".upper())()
        for name in ("int4", "int8", "num", "date", "ts", "tstz")
        for kind in ("range", "multirange")
    },
}
# The extension may be missing. This type is like it, but compares as text does.
CITEXT = """
    CREATE TYPE citext;
    CREATE FUNCTION make_citext(cstring) RETURNS citext LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION show_citext(citext) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE citext (INPUT = make_citext, OUTPUT = show_citext, LIKE = text, COLLATABLE = true);
    CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT
"""


def model(name: str, columns: dict[str, TypeEngine[Any]]) -> Any:
    """Make a model with a number as its key, and columns of these types."""
    values = {"__tablename__": name.lower(), "id": mapped_column(sa.BigInteger, primary_key=True)}
    values |= {column: mapped_column(kind) for column, kind in columns.items()}
    return type(name, (TypedBase,), values)


Typed = model("Typed", {name: case.kind for name, case in SCALARS.items()})
Untyped = model("Untyped", REFUSED)

KEYED: dict[str, Any] = {
    name: type(
        f"Keyed_{name}",
        (TypedBase,),
        {"__tablename__": f"keyed_{name}", "value": mapped_column(case.kind, primary_key=True)},
    )
    for name, case in SCALARS.items()
}


@pytest.fixture
async def typed(session: AsyncSession) -> AsyncSession:
    """A session whose transaction created the table of scalars, and is rolled back."""
    for statement in CITEXT.split(";"):
        await session.execute(sa.text(statement))
    await create(session, Typed)
    return session


async def create(session: AsyncSession, created: Any) -> None:
    """Create the table of a model."""
    connection = await session.connection()
    await connection.run_sync(TypedBase.metadata.create_all, tables=[created.__table__])


async def fill(session: AsyncSession, name: str) -> list[int]:
    """Insert each value of a type twice, and NULL. Return the keys of the rows in their order."""
    values = [*SCALARS[name].literals, *SCALARS[name].literals, "NULL"]
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    await session.execute(sa.text(f"INSERT INTO typed (id, {name}) VALUES {rows}"))  # noqa: S608  # literals
    order = sa.text(f"SELECT id FROM typed ORDER BY {name}, id")  # noqa: S608  # a name
    return list(await session.scalars(order))


HOSTILE: list[object] = [
    *("", " ", "a", "A" * 100_000, "\0", "a\0b", "\ud800", "é" * 300, "%", "'; --", "NULL", "null"),
    *("0", "-1", "1e5", "99999", "10000000000", str(10**20), str(-(10**40)), "9" * 5000, "1_000"),
    *("1e400", "-1e400", "1e-400", "1e20000", "1e-20000", "NaN", "sNaN", "-Infinity", "0x10"),
    *("true", "False", "2", "on", "[]", "{}", "[1]", "{1,2}", "[1,2)", "(,)", "127.0.0.1"),
    *("0001-01-01", "9999-12-31", "10000-01-01", "-0001-01-01", "0000-00-00", "2024-02-30"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z"),
    *("2024-01-01T00:00:00", "2024-01-01T00:00:00Z", "infinity", "-infinity", "1e18", "now"),
    *("24:00:00", "12:00", "12:00:00+01:00", "12:00:00-23:59", "23:59:60", "P1Y", "P99999999999D"),
    *("00000000-0000-0000-0000-000000000000", "f" * 32, "{" + "f" * 32 + "}", "s", "SMALL", "big"),
    *(None, True, 0, -1, 2**15, 2**31, 2**63, -(2**63) - 1, 10**20, 10**400, 1.5, 1e308),
    *(float("nan"), float("inf"), -0.0, b"", b"\x00\xff", bytearray(b"a"), [], [1], [[1]], (), {}),
    *({"a": 1}, {1, 2}, object(), object, Size.BIG, Pair.LEFT, uuid.UUID(int=1), 1j, "1,2", ","),
    datetime.datetime(1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=14))),
    datetime.datetime(9999, 12, 31, 23, tzinfo=datetime.timezone(datetime.timedelta(hours=-14))),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    datetime.datetime(2024, 1, 1),  # noqa: DTZ001  # a hostile value
    datetime.date.max,
    datetime.time.max,
    datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(seconds=1))),
    datetime.timedelta.max,
]
