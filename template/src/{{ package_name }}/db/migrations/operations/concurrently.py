"""Alembic's operations for tables that are in use; `__init__.py` describes them."""

from collections.abc import Callable, Sequence
from typing import Any

from alembic.operations import MigrateOperation, Operations, ops
from alembic.util import CommandError
from sqlalchemy import Column

from ..dialect import dialect
from .backfill import Backfill

Columns = Sequence[Any]


@Operations.register_operation("create_index_concurrently")
@Operations.register_operation("drop_index_concurrently")
@Operations.register_operation("create_foreign_key_concurrently")
@Operations.register_operation("create_check_constraint_concurrently")
@Operations.register_operation("create_unique_constraint_concurrently")
@Operations.register_operation("add_column_concurrently")
class Concurrently(MigrateOperation):
    """One of Alembic's operations, in a form that does not block writers."""

    def __init__(self, plain: MigrateOperation) -> None:
        self.plain = plain

    def reverse(self) -> MigrateOperation:
        """Return the operation that takes this one back."""
        undo = self.plain.reverse()
        return Concurrently(undo) if isinstance(undo, ops.CreateIndexOp | ops.DropIndexOp) else undo

    @classmethod
    def create_index_concurrently(
        cls, operations: Operations, name: str, table_name: str, columns: Columns, **options: Any
    ) -> None:
        """Build an index without blocking writers."""
        operations.invoke(cls(ops.CreateIndexOp(name, table_name, columns, **options)))

    @classmethod
    def drop_index_concurrently(
        cls, operations: Operations, name: str, table_name: str | None = None, **options: Any
    ) -> None:
        """Drop an index without blocking writers."""
        operations.invoke(cls(ops.DropIndexOp(name, table_name, **options)))

    @classmethod
    def create_foreign_key_concurrently(
        cls,
        operations: Operations,
        name: str,
        source_table: str,
        referent_table: str,
        local_cols: list[str],
        remote_cols: list[str],
        **options: Any,
    ) -> None:
        """Add a foreign key for new rows, then validate the existing rows."""
        tables, columns = (source_table, referent_table), (local_cols, remote_cols)
        operations.invoke(cls(ops.CreateForeignKeyOp(name, *tables, *columns, **options)))

    @classmethod
    def create_check_constraint_concurrently(
        cls, operations: Operations, name: str, table_name: str, condition: Any, **options: Any
    ) -> None:
        """Add a CHECK for new rows, then validate the existing rows."""
        operations.invoke(cls(ops.CreateCheckConstraintOp(name, table_name, condition, **options)))

    @classmethod
    def create_unique_constraint_concurrently(
        cls, operations: Operations, name: str, table_name: str, columns: Columns, **options: Any
    ) -> None:
        """Build a unique index without blocking writers, then make it a constraint."""
        operations.invoke(cls(ops.CreateUniqueConstraintOp(name, table_name, columns, **options)))

    @classmethod
    def add_column_concurrently(
        cls, operations: Operations, table_name: str, column: Column[Any], **options: Any
    ) -> None:
        """Add a column whose server default differs from row to row, such as `gen_random_uuid()`.

        PostgreSQL would write the whole table again for it. Other defaults cost nothing, and need
        only `op.add_column()`.
        """
        operations.invoke(cls(ops.AddColumnOp(table_name, column, **options)))


@Operations.register_operation("replace_index_concurrently")
class ReplaceIndex(ops.CreateIndexOp):
    """A new index that replaces an index with the same name. The table always has one of them."""

    replaced: ops.CreateIndexOp

    @classmethod
    def replacing(cls, old: ops.CreateIndexOp, new: ops.CreateIndexOp) -> "ReplaceIndex":
        """Return the operation that replaces the old index by the new one."""
        options = {"schema": new.schema, "unique": new.unique, **new.kw}
        operation = cls(new.index_name, new.table_name, new.columns, **options)
        operation.replaced = old
        return operation

    def reverse(self) -> Any:
        """Return the operation that takes this one back."""
        return ReplaceIndex.replacing(self, self.replaced)

    @classmethod
    def replace_index_concurrently(
        cls, operations: Operations, name: str, table_name: str, columns: Columns, **options: Any
    ) -> None:
        """Build an index without blocking writers, then drop the old one with the same name."""
        operations.invoke(cls(name, table_name, columns, **options))


@Operations.register_operation("set_not_null_concurrently")
class SetNotNull(MigrateOperation):
    """The operation that makes a column NOT NULL."""

    def __init__(self, table_name: str, column_name: str, *, schema: str | None = None) -> None:
        self.table_name, self.column_name, self.schema = table_name, column_name, schema

    def reverse(self) -> ops.AlterColumnOp:
        """Return the operation that takes this one back."""
        return ops.AlterColumnOp(
            self.table_name, self.column_name, schema=self.schema, modify_nullable=True
        )

    @classmethod
    def set_not_null_concurrently(
        cls, operations: Operations, table_name: str, column_name: str, *, schema: str | None = None
    ) -> None:
        """Refuse NULL in new rows, validate the existing rows, then set NOT NULL."""
        operations.invoke(cls(table_name, column_name, schema=schema))


def _add_column(ddl: dialect.OnlineDDL, addition: ops.AddColumnOp) -> None:
    """Add a column without its default, then give it the default, then fill the rows."""
    operations, column, schema = ddl.operations, addition.column._copy(), addition.schema
    system: Any = operations.get_context().dialect
    expression = system.ddl_compiler(system, None).get_column_default_string(column)
    if not expression:
        raise CommandError(
            f"op.add_column_concurrently() needs a server default, and {column.name} has no such "
            "default: add a plain column, op.backfill() and a trigger for new rows"
        )
    default, nullable = column.server_default, column.nullable
    column.server_default, column.nullable = None, True
    table, name = addition.table_name, column.name
    operations.add_column(table, column, schema=schema, if_not_exists=True)
    operations.alter_column(table, name, schema=schema, server_default=default)
    Backfill(table, schema, name, expression).perform(operations, ddl, 500, 0.0)
    if not nullable:
        ddl.set_not_null(SetNotNull(table, name, schema=schema))


_STEPS: dict[type[MigrateOperation], Callable[[dialect.OnlineDDL, Any], None]] = {
    ops.AddColumnOp: _add_column,
    ops.CreateIndexOp: dialect.OnlineDDL.create_index,
    ops.DropIndexOp: dialect.OnlineDDL.drop_index,
    ops.CreateForeignKeyOp: dialect.OnlineDDL.create_validated,
    ops.CreateCheckConstraintOp: dialect.OnlineDDL.create_validated,
    ops.CreateUniqueConstraintOp: dialect.OnlineDDL.create_unique,
    ReplaceIndex: dialect.OnlineDDL.replace_index,
    SetNotNull: dialect.OnlineDDL.set_not_null,
}


@Operations.implementation_for(Concurrently)
@Operations.implementation_for(ReplaceIndex)
@Operations.implementation_for(SetNotNull)
def _perform(operations: Operations, operation: Any) -> None:
    plain = getattr(operation, "plain", operation)
    with dialect.OnlineDDL.outside_of_transaction(operations) as ddl:
        _STEPS[type(plain)](ddl, plain)
