"""A cursor: a place in an order of rows, as text for a client.

It is JSON in URL-safe base64: the values of the row beside the place, the direction, and a checksum
of the order. It needs no signature: its values are checked against the types of the columns and
become bound parameters. So a client that changes them only chooses another place. It is not
encrypted: do not order by values that the client must not see.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import GenericAlias
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from sqlalchemy.types import TypeEngine

from ..errors import InvalidCursor
from .values import annotation


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
        types: the stored type of each value of the order, and whether it may be NULL.
    """

    def __init__(self, checksum: int, types: Sequence[tuple[TypeEngine[Any], bool]]) -> None:
        self._checksum = checksum
        self._adapter = _adapter(
            tuple(annotation(kind) | None if null else annotation(kind) for kind, null in types)
        )

    def dump(self, cursor: Cursor) -> str:
        """Write a cursor.

        Raises:
            TypeError: the cursor could not be read again.
        """
        fields = (self._checksum, cursor.backward, cursor.inclusive, *cursor.values)
        try:
            content = self._adapter.dump_json(fields, warnings="error")
            text = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
            found = self.load(text).values
        except (ValueError, InvalidCursor):
            text, found = "", []
        if repr(found) != repr([*cursor.values]):  # as text, since NaN does not equal itself
            raise TypeError("a value of the order does not have the type of its column: use cast()")
        return text

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
        except (ValueError, OverflowError):
            raise InvalidCursor from None  # the message of pydantic shows the values
        checksum, backward, inclusive, *values = fields
        if checksum != self._checksum:
            raise InvalidCursor
        return Cursor(values, backward, inclusive)


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
