"""A cursor: a place in an order of rows, as text for a client.

It is JSON in URL-safe base64: a checksum of the order, the direction, and the values of the row beside
the place. It needs no signature: its values are checked against the types of the columns and
become bound parameters. So a client that changes them only chooses another place. It is not
encrypted: do not order by values that the client must not see.
"""

import base64
import contextlib
import zlib
from functools import lru_cache
from types import GenericAlias
from typing import Any

import sqlalchemy as sa
from pydantic import ConfigDict, TypeAdapter

from ..dialect import dialect
from ..errors import InvalidCursor
from .order import Part, complete_order
from .values import annotation

Place = tuple[object, ...] | None
"""The values of the order in the row beside a place. None is the beginning of the rows.

The row may be deleted already.
"""


class CursorFormat:
    """Write and read the cursors of one order. A cursor of another order belongs to another list."""

    def __init__(self, entity: Any, parts: tuple[Part, ...]) -> None:
        terms = self.terms = (*complete_order(entity, parts),)
        self.columns = (*(term.column.label(f"order_{n}") for n, term in enumerate(terms)),)
        order = sa.tuple_(*(term.ordering for term in terms))
        # Tables of the order that are not the entity's. The attributes of SQLAlchemy are private.
        self.others = {*order._from_objects}.difference(sa.inspect(entity).selectable._from_objects)
        sql = order.compile(dialect=dialect.SQL_DIALECT)
        self._checksum = zlib.crc32(f"{sql} {sql.params}".encode())  # the same in every process
        self._checked = set[Any]()
        self._adapter = _adapter(tuple((annotation(t.column.type), t.nullable) for t in terms))

    def dump(self, place: Place, *, backward: bool) -> str:
        """Write a cursor.

        Args:
            place: where the rows begin.
            backward: whether to read the rows before the place. None is then the end of the rows.

        Raises:
            TypeError: the cursor could not be read again.
        """
        fields = self._checksum, backward, place
        with contextlib.suppress(ValueError, OverflowError):
            content = self._adapter.dump_json(fields, warnings="error")
            kinds = (*map(type, place or ()),)
            # Types whose values could be read again once are not checked again, which takes longer than
            # writing them. NaN does not equal itself, but its text does.
            if kinds in self._checked or repr(self._adapter.validate_json(content)) == repr(fields):
                self._checked.add(kinds)
                return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
        raise TypeError("a value of the order does not have the type of its column: use cast()")

    def load(self, text: str) -> tuple[Place, bool]:
        """Read a place, and whether to read backward from it.

        Raises:
            InvalidCursor: the text is malformed, belongs to another order, or has a wrong value.
        """
        with contextlib.suppress(ValueError, OverflowError):  # these messages show the values
            content = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            checksum, backward, place = self._adapter.validate_json(content)
            if checksum == self._checksum:
                return place, backward
        raise InvalidCursor


_STRICT = ConfigDict(
    strict=True,
    allow_inf_nan=True,
    ser_json_inf_nan="constants",
    ser_json_bytes="base64",
    val_json_bytes="base64",
)


@lru_cache(maxsize=256)
def _adapter(values: tuple[tuple[Any, bool], ...]) -> TypeAdapter[tuple[int, bool, Place]]:
    place: Any = GenericAlias(tuple, tuple(kind | None if null else kind for kind, null in values))
    fields: Any = GenericAlias(tuple, (int, bool, place | None))
    return TypeAdapter(fields, config=_STRICT)
