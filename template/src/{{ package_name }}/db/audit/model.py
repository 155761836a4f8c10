"""The models' part: which tables are audited, and the log as a model."""

import datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    and_,
    event,
    func,
    inspect,
    literal,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Mapper, declared_attr, mapped_column
from sqlalchemy.schema import SchemaItem

from .triggers import audit_of, create_triggers


class Audited:
    """A model whose changes are logged."""

    __audit_exclude__: ClassVar[tuple[str, ...]] = ()
    """Names of columns that never come into the log. The primary key cannot be one of them."""


class AuditEntry:
    """One change of one row. Only the trigger writes entries."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    """In the order of writing; transactions that overlap are mixed, and some may be missing."""

    at: Mapped[datetime.datetime] = mapped_column(DateTime(timezone=True))
    """When the transaction began, as in `Timestamps`."""

    transaction_id: Mapped[int] = mapped_column(BigInteger)
    """What was changed together; unique until the data is restored into another server."""

    actor: Mapped[str | None] = mapped_column(Text)
    """Who acted, as far as the application said."""

    db_user: Mapped[str] = mapped_column(Text)
    """The role that logged in."""

    table_schema: Mapped[str] = mapped_column(Text)
    table_name: Mapped[str] = mapped_column(Text)
    operation: Mapped[Literal["insert", "update", "delete"]] = mapped_column(Text)

    key: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The primary key by its columns."""

    old: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    new: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[SchemaItem, ...]:
        # BRIN is a thousandth of the size, and fits as rows are only appended.
        return (Index(None, "table_name", "key"), Index(None, "at", postgresql_using="brin"))

    @classmethod
    def about(cls, model: type[Audited], key: Any) -> ColumnElement[bool]:
        """A condition: the entries about one row, be it there or deleted.

        Args:
            model: the row's class.
            key: its primary key, a tuple where that has several columns.
        """
        table = inspect(model).local_table
        values = key if isinstance(key, tuple) else (key,)
        # As the server writes it: a UUID, for one, is text there.
        pairs = [
            part
            for column, value in zip(table.primary_key, values, strict=True)
            for part in (literal(column.name, Text), literal(value, column.type))
        ]
        return and_(
            cls.table_schema == (table.schema or func.current_schema()),
            cls.table_name == table.name,
            cls.key == func.jsonb_build_object(*pairs, type_=JSONB),
        )


@event.listens_for(Audited, "instrument_class", propagate=True)
def _register_audited(mapper: Mapper[Any], model: type[Audited]) -> None:
    table = mapper.local_table
    assert isinstance(table, Table)
    excluded = set(model.__audit_exclude__)
    # Those of all its tables, as a model may inherit the exclusions from a parent with another one.
    names = {column.name for column in mapper.persist_selectable.columns if not column.primary_key}
    if wrong := sorted(excluded - names):
        raise TypeError(
            f"{model.__name__}.__audit_exclude__ names {', '.join(wrong)}, which is no column of "
            f"{table.name}, or is in its primary key"
        )
    # Models that share a table add up.
    audit_of(table.metadata).tables.setdefault(table, set()).update(
        excluded & {column.name for column in table.columns}
    )


@event.listens_for(AuditEntry, "instrument_class", propagate=True)
def _register_log(mapper: Mapper[Any], _: type[AuditEntry]) -> None:
    table = mapper.local_table
    assert isinstance(table, Table)
    audit_of(table.metadata).log = table
    event.listen(table.metadata, "after_create", create_triggers)
