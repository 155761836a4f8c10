"""The part of the models: the mixin of audited models, and the log as a model."""

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
    """A mixin for a model whose changes are logged."""

    __audit_exclude__: ClassVar[tuple[str, ...]] = ()
    """Names of columns that the log never has. A column of the primary key is not allowed."""


class AuditEntry:
    """One change of one row. Only the trigger writes entries."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    """The order of writing. Transactions that overlap are mixed, and numbers may be missing."""

    at: Mapped[datetime.datetime] = mapped_column(DateTime(timezone=True))
    """The beginning of the transaction, as in `Timestamps`."""

    transaction_id: Mapped[int] = mapped_column(BigInteger)
    """The number of the transaction. It is unique until the data is restored into another server."""

    actor: Mapped[str | None] = mapped_column(Text)
    """The actor that the application named, or None."""

    db_user: Mapped[str] = mapped_column(Text)
    """The role that logged in."""

    table_schema: Mapped[str] = mapped_column(Text)
    table_name: Mapped[str] = mapped_column(Text)
    operation: Mapped[Literal["insert", "update", "delete"]] = mapped_column(Text)

    key: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The primary key: values by the names of its columns."""

    old: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    new: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[SchemaItem, ...]:
        # Rows are only appended, so a BRIN index works. It is a thousand times smaller.
        return (Index(None, "table_name", "key"), Index(None, "at", postgresql_using="brin"))

    @classmethod
    def about(cls, model: type[Audited], key: Any) -> ColumnElement[bool]:
        """Return a condition for the entries about one row, which may be deleted already.

        Args:
            model: the class of the row.
            key: its primary key. A composite key is a tuple.
        """
        table = inspect(model).local_table
        values = key if isinstance(key, tuple) else (key,)
        # The server builds the same JSON as the trigger. For example, a UUID becomes text.
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
    # The columns of all its tables, because a model may inherit exclusions from a parent's table.
    names = {column.name for column in mapper.persist_selectable.columns if not column.primary_key}
    if wrong := sorted(excluded - names):
        raise TypeError(
            f"{model.__name__}.__audit_exclude__ names {', '.join(wrong)}: name columns of "
            f"{table.name} that are not in its primary key"
        )
    # Several models may share a table: add the exclusions of each.
    audit_of(table.metadata).tables.setdefault(table, set()).update(
        excluded & {column.name for column in table.columns}
    )


@event.listens_for(AuditEntry, "instrument_class", propagate=True)
def _register_log(mapper: Mapper[Any], _: type[AuditEntry]) -> None:
    table = mapper.local_table
    assert isinstance(table, Table)
    audit_of(table.metadata).log = table
    event.listen(table.metadata, "after_create", create_triggers)
