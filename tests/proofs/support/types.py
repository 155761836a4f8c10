"""A sample of values for each type of PostgreSQL that SQLAlchemy has, and for types of extensions."""

import datetime
import decimal
import enum
import inspect
import ipaddress
import uuid
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.sql.type_api import TypeEngine
from sqlalchemy.types import TypeDecorator, UserDefinedType

# A type of an extension has no binary form in the driver. This makes such a type without the extension.
EXTENSIONS = """
    CREATE TYPE {name};
    CREATE FUNCTION {name}_in(cstring) RETURNS {name} LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION {name}_out({name}) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE {name} (INPUT = {name}_in, OUTPUT = {name}_out, LIKE = text);
    CREATE CAST (text AS {name}) WITHOUT FUNCTION AS ASSIGNMENT;
    CREATE CAST (varchar AS {name}) WITHOUT FUNCTION AS ASSIGNMENT
"""
DOMAINS = """
    CREATE DOMAIN small AS integer CHECK (VALUE < 100);
    CREATE DOMAIN mail AS citext;
    CREATE DOMAIN tags AS text[];
    CREATE TYPE pair AS (number integer, word text)
"""


class Named(UserDefinedType[Any]):
    """A type that SQLAlchemy does not know."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Lower(TypeDecorator[str]):
    impl = sa.String(5)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str:
        return value.lower() if value else "none"


class Words(TypeDecorator[str]):
    """A list in the database, a text in Python."""

    impl = sa.ARRAY(sa.Text)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> list[str] | None:
        return None if value is None else value.split()

    def process_result_value(self, value: list[str] | None, dialect: object) -> str | None:
        return None if value is None else " ".join(value)


class Coded(TypeDecorator[str]):
    """SQL writes and reads its values, as for a geometry."""

    impl = sa.Text
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> Any:
        return sa.func.reverse(bindparam, type_=sa.Text)

    def column_expression(self, column: Any) -> Any:
        return sa.func.reverse(column, type_=sa.Text)


DAY = datetime.date(2024, 2, 29)
ZONED = datetime.datetime(2024, 2, 29, 12, 30, 1, 5, datetime.UTC)
AT = ZONED.replace(tzinfo=None)
SPAN = datetime.timedelta(days=3, seconds=4)
NUMBER = decimal.Decimal("12.50")
LETTERS = ['a, {b} \\ "c"', ""]
KEY = uuid.UUID(int=2**100)


def ranges(low: Any, high: Any) -> list[Any]:
    return [pg.Range(low, high), pg.Range(low, high, bounds="(]"), pg.Range(empty=True)]


def multiranges(low: Any, high: Any) -> list[Any]:
    return [[pg.Range(low, high)], [], [pg.Range(None, low), pg.Range(high, None)]]


SAMPLES: dict[str, tuple[TypeEngine[Any], list[Any]]] = {
    # Standard types.
    "Text": (sa.Text(), LETTERS),
    "Text, collated": (sa.Text(collation="C"), LETTERS),
    "String": (sa.String(), LETTERS),
    "VARCHAR": (sa.String(20), LETTERS),
    "VARCHAR, collated": (sa.String(20, collation="C"), LETTERS),
    "CHAR": (sa.CHAR(20), LETTERS),
    "Unicode": (sa.Unicode(20), LETTERS),
    "UnicodeText": (sa.UnicodeText(), LETTERS),
    "SmallInteger": (sa.SmallInteger(), [1, -(2**15)]),
    "Integer": (sa.Integer(), [1, 2**31 - 1]),
    "BigInteger": (sa.BigInteger(), [1, -(2**63)]),
    "Numeric": (sa.Numeric(), [NUMBER, decimal.Decimal("1e-20"), decimal.Decimal("NaN")]),
    "NUMERIC(10, 2)": (sa.Numeric(10, 2), [NUMBER, decimal.Decimal("1.005")]),
    "Numeric of floats": (sa.Numeric(asdecimal=False), [1.5, 2.0]),
    "Float": (sa.Float(), [1.5, float("inf")]),
    "FLOAT(5)": (sa.Float(5), [1.5, 0.1]),
    "Float of decimals": (sa.Float(asdecimal=True), [NUMBER]),
    "Double": (sa.Double(), [0.1, 1e300]),
    "REAL": (sa.REAL(), [0.1, 1.5]),
    "Boolean": (sa.Boolean(), [True, False]),
    "Date": (sa.Date(), [DAY, datetime.date.max]),
    "Time": (sa.Time(), [AT.time()]),
    "Time with zone": (sa.Time(timezone=True), [ZONED.timetz()]),
    "DateTime": (sa.DateTime(), [AT]),
    "DateTime with zone": (sa.DateTime(timezone=True), [ZONED]),
    "Interval": (sa.Interval(), [SPAN, -SPAN]),
    "Uuid": (sa.Uuid(), [KEY]),
    "Uuid as text": (sa.Uuid(as_uuid=False), [str(KEY)]),
    "Uuid, not native": (sa.Uuid(native_uuid=False), [KEY]),
    "LargeBinary": (sa.LargeBinary(), [b"\x00\xff\\", b""]),
    "PickleType": (sa.PickleType(), [{"a": [1]}, [[1]]]),
    "JSON": (sa.JSON(), [{"a": [1, None]}, [[1], [2]], "text", 1]),
    "JSON without null": (sa.JSON(none_as_null=True), [{"a": 1}, []]),
    "Enum": (sa.Enum(Color, native_enum=False, name="color"), [Color.RED, Color.BLUE]),
    "Enum, native": (sa.Enum(Color, name="native"), [Color.RED, Color.BLUE]),
    "ARRAY": (sa.ARRAY(sa.Text()), [LETTERS, [], [None, "a"]]),
    "ARRAY of 2 dimensions": (sa.ARRAY(sa.Integer(), dimensions=2), [[[1, 2], [3, 4]], [[5], [6]]]),
    "ARRAY of any dimensions": (sa.ARRAY(sa.Integer()), [[1, 2], [[1], [2]]]),
    "ARRAY of Enum": (sa.ARRAY(sa.Enum(Color, name="native")), [[Color.RED], []]),
    "ARRAY of JSON": (sa.ARRAY(pg.JSONB()), [[{"a": [1]}, {}]]),
    "TypeDecorator": (Lower(), ["ABC"]),
    "TypeDecorator of ARRAY": (Words(), ["a b", "", "c"]),
    "TypeDecorator with SQL": (Coded(), ["abc", ""]),
    # PostgreSQL's own types.
    "BIT": (pg.BIT(3), [pg.BitString("101"), pg.BitString("000")]),
    "BIT VARYING": (pg.BIT(9, varying=True), [pg.BitString("101"), pg.BitString("")]),
    "BYTEA": (pg.BYTEA(), [b"\x00\xff\\", b""]),
    "CIDR": (pg.CIDR(), [ipaddress.ip_network("10.0.0.0/8")]),
    "INET": (pg.INET(), [ipaddress.ip_address("10.0.0.1"), ipaddress.ip_interface("::1/64")]),
    "MACADDR": (pg.MACADDR(), ["08:00:2b:01:02:03"]),
    "MACADDR8": (pg.MACADDR8(), ["08:00:2b:01:02:03:04:05"]),
    "MONEY": (pg.MONEY(), ["$12.50"]),
    "OID": (pg.OID(), [1, 2**32 - 1]),
    "REGCLASS": (pg.REGCLASS(), ["pg_class"]),
    "REGCONFIG": (pg.REGCONFIG(), ["english"]),
    "TSVECTOR": (pg.TSVECTOR(), ["'a':1 'b':2"]),
    "TSQUERY": (pg.TSQUERY(), ["'a' & 'b'"]),
    "INTERVAL": (pg.INTERVAL(), [SPAN]),
    "INTERVAL of days": (pg.INTERVAL(fields="DAY"), [datetime.timedelta(days=3)]),
    "TIMESTAMP(0)": (pg.TIMESTAMP(precision=0), [AT]),
    "TIME(0)": (pg.TIME(precision=0), [AT.time()]),
    "JSONB": (pg.JSONB(), [{"a": [1, None]}, [[1], [2]]]),
    "JSONPATH": (pg.JSONPATH(), ['$."a"[*]']),
    "HSTORE": (pg.HSTORE(), [{"a": "1", "b": None}, {}]),
    "CITEXT": (pg.CITEXT(), LETTERS),
    "ENUM": (pg.ENUM(Color, name="native"), [Color.RED]),
    "DOMAIN": (pg.DOMAIN("small", sa.Integer(), create_type=False), [1, 99]),
    "DOMAIN of an extension": (pg.DOMAIN("mail", pg.CITEXT(), create_type=False), LETTERS),
    "DOMAIN of ARRAY": (pg.DOMAIN("tags", sa.ARRAY(sa.Text()), create_type=False), [LETTERS, []]),
    "INT4RANGE": (pg.INT4RANGE(), ranges(1, 5)),
    "INT8RANGE": (pg.INT8RANGE(), ranges(1, 5)),
    "NUMRANGE": (pg.NUMRANGE(), ranges(decimal.Decimal(1), NUMBER)),
    "DATERANGE": (pg.DATERANGE(), ranges(datetime.date.min, DAY)),
    "TSRANGE": (pg.TSRANGE(), ranges(AT, AT + SPAN)),
    "TSTZRANGE": (pg.TSTZRANGE(), ranges(ZONED, ZONED + SPAN)),
    "INT4MULTIRANGE": (pg.INT4MULTIRANGE(), multiranges(1, 5)),
    "INT8MULTIRANGE": (pg.INT8MULTIRANGE(), multiranges(1, 5)),
    "NUMMULTIRANGE": (pg.NUMMULTIRANGE(), multiranges(decimal.Decimal(1), NUMBER)),
    "DATEMULTIRANGE": (pg.DATEMULTIRANGE(), multiranges(datetime.date.min, DAY)),
    "TSMULTIRANGE": (pg.TSMULTIRANGE(), multiranges(AT, AT + SPAN)),
    "TSTZMULTIRANGE": (pg.TSTZMULTIRANGE(), multiranges(ZONED, ZONED + SPAN)),
    "ARRAY of an extension": (pg.ARRAY(pg.CITEXT()), [LETTERS, []]),
    "ARRAY of MACADDR": (pg.ARRAY(pg.MACADDR()), [["08:00:2b:01:02:03"]]),
    "ARRAY of ranges": (pg.ARRAY(pg.INT4RANGE()), [ranges(1, 5)]),
    "ARRAY of BIT": (pg.ARRAY(pg.BIT(3)), [[pg.BitString("101")]]),
    # Types that SQLAlchemy does not know.
    "ltree": (Named("ltree"), ["a.b", "c"]),
    "a composite type": (Named("pair"), [(1, "a"), (None, "b")]),
    "point": (Named("point"), [(1.5, 2.5)]),
    "pg_lsn": (Named("pg_lsn"), [1]),
    '"char"': (Named('"char"'), [b"a"]),
    "name": (Named("name"), ["a"]),
}


NOT_OF_POSTGRESQL = {
    *("BINARY", "VARBINARY", "BLOB", "CLOB", "NCHAR", "NVARCHAR", "DATETIME", "DOUBLE"),
}
NO_COLUMN = {
    *("NullType", "TupleType", "TypeDecorator", "UserDefinedType", "MatchType", "Variant"),
    *("AbstractRange", "AbstractSingleRange", "AbstractMultiRange", "Emulated", "ExternalType"),
    *("TypeEngine", "NumericCommon", "NamedType", "_Binary"),
}


def missing_samples() -> Iterator[tuple[type[TypeEngine[Any]], list[Any]]]:
    """Yield the types of SQLAlchemy that have no sample, with the values of their nearest base."""
    values = {type(kind): values for kind, values in reversed(SAMPLES.values())}
    for found in {**vars(sa.types), **vars(pg)}.values():
        if not inspect.isclass(found) or not issubclass(found, TypeEngine) or found in values:
            continue
        if found.__name__ not in NOT_OF_POSTGRESQL | NO_COLUMN:
            yield found, next((values[base] for base in found.__mro__ if base in values), [])


for found, values in sorted(missing_samples(), key=lambda each: each[0].__name__):
    SAMPLES[f"{found.__name__} of {found.__module__}"] = found(), values
