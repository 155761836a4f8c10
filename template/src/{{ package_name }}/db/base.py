"""What all models have: how constraints are named, which Python type is which column type.

A project makes its own base of it, and extends it there::

    class Base(db.Base, DeclarativeBase):
        metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
        type_annotation_map = db.TYPE_ANNOTATION_MAP

A model says `Mapped[str]` and gets `text`; what is not in the map is said with `mapped_column(…)`.
"""

import datetime
import decimal
import enum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Enum, Numeric, Text, event
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import Mapper

NAMING_CONVENTION: dict[Any, str] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
    ExcludeConstraint: "ex_%(table_name)s_%(column_0_N_name)s",
}
"""Every constraint has a name that can be derived, so that a migration can drop it again."""

_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

TYPE_ANNOTATION_MAP: dict[Any, Any] = {
    datetime.datetime: DateTime(timezone=True),
    decimal.Decimal: Numeric(),
    dict[str, object]: _JSON,
    dict[str, Any]: _JSON,
    enum.Enum: Enum(enum.Enum, native_enum=False, create_constraint=True, length=64),
    int: BigInteger(),
    str: Text(),
}
"""What `Mapped[…]` means.

`int` is `bigint`: four bytes saved are not worth the day on which a column overflows. `datetime` is
aware. Text has no length: where one matters, a check says so by its name. An enumeration is text with
a check, because a native one cannot lose a value and its type outlives a downgrade; who wants one
all the same writes `mapped_column(Enum(Color, name="color"))`, which is native. None in a JSON column
is NULL and not JSON's `null`.
"""


class Base(AsyncAttrs):
    """What a model can do, whatever it is."""

    __mapper__: ClassVar[Mapper[Any]]

    __repr_attributes__: ClassVar[tuple[str, ...]] = ()
    """Attributes that `repr()` shows beside the primary key; by default none, so no secret."""

    def __repr__(self) -> str:
        # From __dict__, which never loads: what is expired or deferred is left out.
        keys = [self.__mapper__.get_property_by_column(c).key for c in self.__mapper__.primary_key]
        shown = [
            f"{name}={self.__dict__[name]!r}"
            for name in (*keys, *self.__repr_attributes__)
            if name in self.__dict__
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


@event.listens_for(Base, "instrument_class", propagate=True)
def _fetch_what_the_server_computes(mapper: Mapper[Any], _: type[Base]) -> None:
    # What the server computes in an UPDATE comes back with it (RETURNING). Otherwise the attribute
    # would expire, and reading it later would be I/O outside of `await`: MissingGreenlet. Not by
    # __mapper_args__, which a model with a `version_id_col` replaces.
    mapper.eager_defaults = True
