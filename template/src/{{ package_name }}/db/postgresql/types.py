"""Types of PostgreSQL, the values that they can hold, and names for PostgreSQL's own constraints."""

import decimal

from sqlalchemy import JSON, Index, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

JSON_TYPE = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""The type of a JSON column: `jsonb`. None is NULL, not JSON's `null`."""

RANDOM_UUID = text("gen_random_uuid()")
"""A server default that makes a random UUID."""

NAMING_CONVENTION: dict[type, str] = {ExcludeConstraint: "ex_%(table_name)s_%(column_0_N_name)s"}
"""Names for kinds of constraints that other systems do not have."""


def is_storable(value: object) -> bool:
    """Return whether PostgreSQL can store a value that its Python type allows."""
    match value:
        case int():
            return -(2**63) <= value < 2**63
        case str():
            return "\0" not in value
        case decimal.Decimal():
            exponent = value.as_tuple().exponent  # n, N or F if it is NaN, signalling NaN, infinite
            return exponent in {"n", "F"} or (
                isinstance(exponent, int) and max(-exponent, value.adjusted()) < 2**14
            )
    return True


def index_options(index: Index) -> list[object]:
    """Return the method and the predicate of an index, as far as the model gives them."""
    options = index.dialect_options["postgresql"]
    method, predicate = options.get("using"), options.get("where")
    return [*([method] if method else []), *(["where", predicate] if predicate is not None else [])]
