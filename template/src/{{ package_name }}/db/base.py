"""What all models share: how constraints are named, and which column type a Python type means.

A project makes its own base of it, and extends it there::

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

from sqlalchemy import BigInteger, Column, DateTime, Enum, Index, Numeric, Table, Text, event
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import Mapper

from .dialect import dialect


def _index_label(index: Index, table: Table) -> str:
    """Return what tells an index from the others of its table: expressions, then method, predicate.

    `lower(users.email)` becomes `lower_email`, and `WHERE NOT published` becomes
    `where_not_published`. So a plain and a functional index on one column have different names.
    """
    parts = [each.name if isinstance(each, Column) else each for each in index.expressions]
    text = " ".join(map(str, [*parts, *dialect.index_options(index)]))
    words = text.lower().replace(f"{table.name.lower()}.", "")
    return "_".join(re.findall(r"[a-z0-9_]+", words))


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
    dict[str, object]: dialect.JSON_TYPE,
    dict[str, Any]: dialect.JSON_TYPE,
    enum.Enum: Enum(enum.Enum, native_enum=False, create_constraint=True, length=64),
    int: BigInteger(),
    str: Text(),
}
"""The column types of `Mapped[…]`.

`int` is `bigint`: four bytes saved do not pay for the day on which a column overflows. `datetime` is
aware. Text has no length; where a length matters, a CHECK with a name says so. An enumeration is text
with a CHECK, because a native one cannot lose a value, and its type outlives a downgrade. For a native
one write `mapped_column(Enum(Color, name="color"))`. None in a JSON column is NULL, not JSON's `null`.
"""


class Base(AsyncAttrs):
    """What each model can do."""

    __mapper__: ClassVar[Mapper[Any]]

    __repr_attributes__: ClassVar[tuple[str, ...]] = ()
    """Attributes that `repr()` shows beside the primary key; by default none, so no secrets."""

    def __repr__(self) -> str:
        # From __dict__, which never loads anything: expired and deferred attributes are left out.
        keys = [self.__mapper__.get_property_by_column(c).key for c in self.__mapper__.primary_key]
        shown = [
            f"{name}={self.__dict__[name]!r}"
            for name in (*keys, *self.__repr_attributes__)
            if name in self.__dict__
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


@event.listens_for(Base, "instrument_class", propagate=True)
def _fetch_what_the_server_computes(mapper: Mapper[Any], _: type[Base]) -> None:
    # An UPDATE returns what the server computes (RETURNING). Otherwise the attribute would expire, and
    # reading it later would be I/O outside of `await`: MissingGreenlet. This is an event, since a model
    # that has __mapper_args__ of its own would replace those of the base.
    mapper.eager_defaults = True
