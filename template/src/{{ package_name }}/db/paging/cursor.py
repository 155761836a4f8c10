"""A cursor: a place in an order of rows, as text for a client.

It is JSON in URL-safe base64: the values of the row beside the place, the direction, and a checksum
of the order. It needs no signature: its values are checked against the types of the columns and
become bound parameters. So a client that changes them only chooses another place. It is not
encrypted: do not order by values that the client must not see.
"""

import base64
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, NaiveDatetime, TypeAdapter
from sqlalchemy import DateTime, Enum
from sqlalchemy.types import TypeEngine

from ..dialect import dialect
from ..errors import InvalidCursor


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place, and the rows that are read from it.

    Args:
        values: the values of the order in the row beside the place. The row may be deleted already.
        backward: whether to read the rows before the place.
        inclusive: whether the row beside the place is one of them.
    """

    values: Sequence[object]
    backward: bool = False
    inclusive: bool = False


class CursorFormat:
    """Write and read the cursors of one order.

    Args:
        checksum: identifies the order. A cursor with another checksum belongs to another list.
        types: the type of each value of the order, and whether it may be NULL.
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
            InvalidCursor: the text is malformed, belongs to another order, or has a wrong value.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            fields = self._adapter.validate_json(
                base64.b64decode(padded, altchars=b"-_", validate=True)
            )
        except ValueError:
            raise InvalidCursor from None  # the message of pydantic shows the values
        checksum, backward, inclusive, *values = fields
        if checksum != self._checksum:
            raise InvalidCursor
        return Cursor(values, backward, inclusive)


def _annotation(kind: TypeEngine[Any]) -> Any:
    """Return the annotation of the values that a column of this type holds."""
    if isinstance(kind, DateTime):
        return _INSTANT if kind.timezone else NaiveDatetime
    if isinstance(kind, Enum) and kind.enum_class is None:
        return Literal[tuple(kind.enums)]
    if kind.python_type in {object, dict, list}:
        raise TypeError(
            f"rows cannot be paged in an order of type {kind!r}: give its type, as in "
            "func.lower(…, type_=Text), or make it a scalar by cast()"
        )
    return Annotated[kind.python_type, AfterValidator(_storable)]


def _storable(value: object) -> object:
    if not dialect.is_storable(value):
        raise ValueError
    return value


def _instant(value: datetime.datetime) -> datetime.datetime:
    # The driver returns UTC. In another time zone a value could leave the range of years.
    if value.utcoffset() != datetime.timedelta() and value not in _INFINITIES:
        raise ValueError
    return value


_INSTANT = Annotated[datetime.datetime, AfterValidator(_instant)]
_INFINITIES = (datetime.datetime.min, datetime.datetime.max)  # noqa: DTZ901  # the infinities of the driver have no zone


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
