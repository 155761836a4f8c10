"""The values that leave the database in a cursor, and those that a client sends.

Each value of a client is checked here before it becomes a bound parameter. So neither the driver nor
the server refuses one.
"""

import datetime
from typing import Annotated, Any, Literal, TypeVar

import sqlalchemy as sa
from pydantic import AfterValidator, NaiveDatetime

from ..dialect import dialect

T = TypeVar("T")


def stored_type(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """Return the type that the database stores for a type, without its limits.

    A type that the project decorates becomes the type below it. Limits would change a parameter
    without an error: NUMERIC(10, 2) rounds it, and CHAR cuts it.

    Raises:
        TypeError: Python has no scalar for the values, or the scalar compares in another way. So an
            interval is refused: a year has 365 days for the driver, and 360 days for the server. Its
            seconds are `cast(extract("epoch", …), Numeric)`.
    """
    kind = kind.dialect_impl(dialect.SQL_DIALECT)
    while isinstance(kind, sa.TypeDecorator):
        kind = kind.type_engine(dialect.SQL_DIALECT).dialect_impl(dialect.SQL_DIALECT)
    match kind:
        case sa.Integer():
            return sa.BigInteger()
        case sa.Float():
            return sa.Double()
        case sa.Numeric():
            return sa.Numeric()
        case sa.CHAR():
            return sa.String()
        case sa.Enum():  # as text, since JSON has not every value of a member
            return sa.Enum(*kind.enums, native_enum=False)
        case sa.Uuid():
            return sa.Uuid(native_uuid=kind.native_uuid)
        case sa.String() | sa.LargeBinary() | sa.Boolean() | sa.Date() | sa.DateTime():
            return kind
        case sa.Time(timezone=False):
            return kind
    raise TypeError(f"{kind!r} has no scalars: give its type, as in type_=Text, or use cast()")


def annotation(stored: sa.types.TypeEngine[Any]) -> Any:
    """Return pydantic's annotation for the values of a stored type. The database can hold them all."""
    if isinstance(stored, sa.DateTime):
        return _INSTANT if stored.timezone else NaiveDatetime
    if isinstance(stored, sa.Enum):
        return Literal[tuple(stored.enums)]
    return Annotated[stored.python_type, AfterValidator(_storable)]


def padded(values: list[T]) -> list[T]:
    """Repeat the last value until the number of values is a power of two.

    `IN` is another statement for each number of values, and the driver and the server keep it.
    """
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values))


def _storable(value: object) -> object:
    if not dialect.is_storable(value):
        raise ValueError
    return value


def _instant(value: datetime.datetime) -> datetime.datetime:
    if value in _INFINITIES:
        return value
    if value.tzinfo is None:
        raise ValueError
    # As the driver does it. At the ends of the calendar this is an OverflowError.
    return value.astimezone(datetime.UTC)


_INSTANT = Annotated[datetime.datetime, AfterValidator(_instant)]
_INFINITIES = (datetime.datetime.min, datetime.datetime.max)  # noqa: DTZ901  # the infinities of the driver have no zone
