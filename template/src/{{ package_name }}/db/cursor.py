"""A place in an ordering of rows, as text that can be handed to a client and comes back from it.

It is JSON in URL-safe base64: the values of the row beside the place, which way to read from there,
and a checksum of the ordering. It is not signed and needs not be. Whatever a client makes of it, the
values are checked against the types of the columns and become bound parameters, so that all it can
choose is a place. It is not encrypted either: do not order by what its reader must not see.
"""

import base64
import datetime
import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, NaiveDatetime, TypeAdapter
from sqlalchemy import DateTime, Enum
from sqlalchemy.types import TypeEngine

from .errors import InvalidCursor


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place, and the rows that are read from it.

    Args:
        values: the values of the ordering in the row beside it; the row may be gone.
        backward: whether it is the rows before the place that are meant.
        inclusive: whether that row is one of them.
    """

    values: Sequence[object]
    backward: bool = False
    inclusive: bool = False


class CursorFormat:
    """How the cursors of one ordering are written and read.

    Args:
        checksum: stands for the ordering; a cursor with another one is not of this list.
        types: the types of the ordering's values, and whether NULL is among them.
    """

    def __init__(self, checksum: int, types: Sequence[tuple[TypeEngine[Any], bool]]) -> None:
        self._checksum = checksum
        self._adapter = _adapter(
            tuple(_annotation(kind) | None if null else _annotation(kind) for kind, null in types)
        )

    def dump(self, cursor: Cursor) -> str:
        """Write a cursor."""
        fields = (self._checksum, cursor.backward, cursor.inclusive, *cursor.values)
        return base64.urlsafe_b64encode(self._adapter.dump_json(fields)).rstrip(b"=").decode()

    def load(self, text: str) -> Cursor:
        """Read a cursor.

        Raises:
            InvalidCursor: it is malformed, of another ordering, or a value is not one of its column.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            fields = self._adapter.validate_json(
                base64.b64decode(padded, altchars=b"-_", validate=True)
            )
        except ValueError:
            raise InvalidCursor from None  # pydantic's message has the values
        checksum, backward, inclusive, *values = fields
        if checksum != self._checksum:
            raise InvalidCursor
        return Cursor(values, backward, inclusive)


def _annotation(kind: TypeEngine[Any]) -> Any:
    """Return the annotation of what a column of this type can hold."""
    if isinstance(kind, DateTime):
        return _INSTANT if kind.timezone else NaiveDatetime
    if isinstance(kind, Enum) and kind.enum_class is None:
        return Literal[tuple(kind.enums)]
    if kind.python_type in {object, dict, list}:
        raise TypeError(
            f"rows cannot be paged in an order of type {kind!r}: say its type, as in "
            "func.lower(…, type_=Text), or make it a scalar by cast()"
        )
    return Annotated[kind.python_type, AfterValidator(_storable)]


def _storable(value: object) -> object:
    """Refuse what Python's type allows and PostgreSQL's does not."""
    fits = True
    match value:
        case int():
            fits = -(2**63) <= value < 2**63
        case str():
            fits = "\0" not in value
        case decimal.Decimal():
            exponent = value.as_tuple().exponent  # a letter if it is no number; N is signalling
            fits = exponent in {"n", "F"} or (
                isinstance(exponent, int) and max(-exponent, value.adjusted()) < 2**14
            )
    if not fits:
        raise ValueError
    return value


def _instant(value: datetime.datetime) -> datetime.datetime:
    # asyncpg returns UTC; an offset could lead out of the range of years.
    if value.utcoffset() != datetime.timedelta() and value not in _INFINITIES:
        raise ValueError
    return value


_INSTANT = Annotated[datetime.datetime, AfterValidator(_instant)]
_INFINITIES = (datetime.datetime.min, datetime.datetime.max)  # noqa: DTZ901  # asyncpg's are naive


@lru_cache(maxsize=256)
def _adapter(annotations: tuple[Any, ...]) -> TypeAdapter[tuple[Any, ...]]:
    fields: Any = GenericAlias(tuple, (int, bool, bool, *annotations))
    return TypeAdapter(
        fields,
        config=ConfigDict(
            strict=True,
            allow_inf_nan=True,
            ser_json_inf_nan="constants",
            ser_json_bytes="base64",
            val_json_bytes="base64",
        ),
    )
