"""Types of PostgreSQL, and the values that they can hold."""

import decimal
import re
from typing import Any

from sqlalchemy import JSON, BigInteger, make_url, text
from sqlalchemy.dialects.postgresql import JSONB

_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

SQL_DIALECT = make_url("postgresql+asyncpg://").get_dialect()()
"""SQLAlchemy's dialect. It knows how the types of models are stored, and has no connection."""

TYPE_ANNOTATION_MAP: dict[Any, Any] = {dict[str, object]: _JSON, dict[str, Any]: _JSON}
"""The column types of `Mapped[…]` that other systems do not have. None in a JSON column is NULL."""

BIGINT_KEY = BigInteger()
"""The type of a primary key whose values the server counts."""

RANDOM_UUID = text("gen_random_uuid()")
"""A server default that makes a random UUID."""


_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")  # zero, and halves of a character


def is_storable(value: object) -> bool:
    """Return whether PostgreSQL can store a value that its Python type allows."""
    match value:
        case int():
            return -(2**63) <= value < 2**63
        case str():
            return not _NO_CHARACTER.search(value)
        case decimal.Decimal():
            exponent = value.as_tuple().exponent  # n, N or F if it is NaN, signalling NaN, infinite
            return exponent in {"n", "F"} or (
                isinstance(exponent, int) and max(-exponent, value.adjusted()) < 2**14
            )
    return True
