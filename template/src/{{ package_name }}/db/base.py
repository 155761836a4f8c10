"""What all models share: the names of constraints, and the column types of Python types.

A project defines its own base class, and extends it there::

    class Base(db.Base, DeclarativeBase):
        metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
        type_annotation_map = db.TYPE_ANNOTATION_MAP

A model says `Mapped[str]` and gets `text`. For a type that is not in the map, it says
`mapped_column(…)`.
"""

import datetime
import decimal
import enum
import re
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, DateTime, Enum, Index, Numeric, Table, Text, util
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import Mapper

from .dialect import dialect


def _index_label(index: Index, table: Table) -> str:
    """Return a label that other indexes of the table do not have: expressions, method, predicate.

    `lower(users.email)` becomes `lower_email`, and `WHERE NOT published` becomes
    `where_not_published`. So a plain and a functional index on one column have different names.
    """
    parts = [each.name if isinstance(each, Column) else each for each in index.expressions]
    text = " ".join(map(str, [*parts, *dialect.index_options(index)]))
    return "_".join(re.findall(r"[a-z0-9_]+", text.lower().replace(f"{table.name.lower()}.", "")))


NAMING_CONVENTION: dict[Any, Any] = {
    "index_label": _index_label,
    "ix": "ix_%(table_name)s_%(index_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
    **dialect.NAMING_CONVENTION,
}
"""Each constraint has a name that can be derived, so that a migration can drop it again."""

TYPE_ANNOTATION_MAP: dict[Any, Any] = {
    datetime.datetime: DateTime(timezone=True),
    decimal.Decimal: Numeric(),
    enum.Enum: Enum(enum.Enum, native_enum=False, create_constraint=True, length=64),
    int: BigInteger(),
    str: Text(),
    **dialect.TYPE_ANNOTATION_MAP,
}
"""The column types of `Mapped[…]`.

`int` is `bigint`, because an `integer` column overflows one day, and `bigint` costs only four more
bytes. `datetime` has a time zone. `str` has no length: write a CHECK where a length matters.

An enumeration is text with a CHECK. A value of a native enumeration cannot be removed, and its type
stays after a downgrade. For a native one write `mapped_column(Enum(Color, name="color"))`.

None in a JSON column is NULL, not JSON's `null`.
"""


class _Mapper(Mapper[Any]):
    """A flush also reads what the server computes. A later read would be I/O outside of `await`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # A model with its own __mapper_args__ would replace the __mapper_args__ of the base.
        super().__init__(*args, **options | {"eager_defaults": True})

    # This is private, since SQLAlchemy has no public way: a flush reads a `column_property` again by one
    # query for each row. SQLAlchemy computes this again if an attribute or a subclass comes later.
    @util.HasMemoized.memoized_attribute
    def _server_default_plus_onupdate_propkeys(self) -> set[str]:
        computed = super()._server_default_plus_onupdate_propkeys
        return computed | {each.key for each in self._readonly_props if not each.deferred}


class Base(AsyncAttrs):
    """The base of all models: a `repr()` without secrets, and `awaitable_attrs`."""

    __mapper__: ClassVar[Mapper[Any]]
    __mapper_cls__ = _Mapper

    __repr_attributes__: ClassVar[tuple[str, ...]] = ()
    """More attributes that `repr()` shows. By default it shows only the primary key, so no secrets."""

    def __repr__(self) -> str:
        # Reading from vars() loads nothing: it has no expired and no deferred attributes.
        keys = [self.__mapper__.get_property_by_column(c).key for c in self.__mapper__.primary_key]
        names = [name for name in (*keys, *self.__repr_attributes__) if name in vars(self)]
        return f"{type(self).__name__}({', '.join(f'{n}={vars(self)[n]!r}' for n in names)})"
