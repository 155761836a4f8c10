"""Types of PostgreSQL, and the values that they can hold."""

import datetime
import decimal
import re
from typing import Any

import asyncpg
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, make_url, text
from sqlalchemy.dialects.postgresql import DOMAIN, JSONB, TSTZMULTIRANGE, TSTZRANGE
from sqlalchemy.dialects.postgresql.asyncpg import AsyncpgDateTime

from ..errors import DataException

_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

SQL_DIALECT = make_url("postgresql+asyncpg://").get_dialect()()
"""SQLAlchemy's dialect. It knows how the types of models are stored, and has no connection."""

TYPE_ANNOTATION_MAP: dict[Any, Any] = {dict[str, object]: _JSON, dict[str, Any]: _JSON}
"""The column types of `Mapped[…]` that other systems do not have. None in a JSON column is NULL."""

BIGINT_KEY = BigInteger()
"""The type of a primary key whose values the server counts."""

RANDOM_UUID = text("gen_random_uuid()")
"""A server default that makes a random UUID."""

make_uuid = vars(asyncpg)["pgproto"].pgproto.UUID  # its modules have no types
"""The driver's class of UUIDs, as it reads them. It is a `uuid.UUID`, and takes a third of the time."""


class _Checked:
    """A type that checks the zone of its values, if they have one."""

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return the function that checks a value before the driver gets it."""
        # A domain has a `data_type`.
        return _with_zone if getattr(getattr(self, "data_type", self), "timezone", False) else None


class Instant(_Checked, AsyncpgDateTime):
    """A time with time zone. It refuses a value without a zone.

    asyncpg would take that as the local time of the machine, so another machine would store another
    instant. asyncpg itself refuses a time of day without a zone.

    Limits: parameters of SQL as text and comparisons with a column of a domain are not checked, because
    the type of the value is not known there. So give these values a zone.
    """


class InstantDomain(_Checked, DOMAIN):
    """A domain. If it is over times with time zone, it refuses a value without a zone too."""


def _with_zone(value: Any) -> Any:
    # The driver's infinities, datetime.min and datetime.max, have no zone.
    if value is None or getattr(value, "tzinfo", None) or value in _INFINITIES:
        return value
    bounds = (value.lower, value.upper) if isinstance(value, asyncpg.Range) else value
    if not isinstance(bounds, list | tuple):
        raise DataException("a datetime has no time zone: write datetime.now(UTC)")
    for each in bounds:
        _with_zone(each)
    return value


def _checked_range(kind: Any) -> Any:
    """Return the driver's type of ranges, with the check of `Instant` for each bound."""
    driver_type: Any = SQL_DIALECT.colspecs[kind.__base__]

    def bind_processor(self: Any, dialect: Dialect) -> Any:
        to_driver = driver_type.bind_processor(self, dialect)
        return lambda value: _with_zone(to_driver(value))

    return type("RangeOfInstants", (driver_type,), {"bind_processor": bind_processor})


_RANGES: Any = {kind: _checked_range(kind) for kind in (TSTZRANGE, TSTZMULTIRANGE)}
INSTANTS: Any = {DateTime: Instant, DOMAIN: InstantDomain, **_RANGES}
"""The driver's types whose values have a time zone."""

_INFINITIES = (datetime.datetime.min, datetime.datetime.max)  # noqa: DTZ901  # they have no zone
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")  # zero, and halves of a character


def is_storable(value: object) -> bool:
    """Return whether PostgreSQL can store a value that its Python type allows."""
    match value:
        case int():
            return -(2**63) <= value < 2**63
        case str():
            return not _NO_CHARACTER.search(value)
        case decimal.Decimal():
            digits = len(value.as_tuple().digits)
            return not value.is_snan() and max(digits, abs(value.adjusted())) < 2**13
    return True
