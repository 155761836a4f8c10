"""Operations for tables that are in use: `op.create_index_concurrently(…)` and its like in a revision.

Each has the arguments of Alembic's operation of that name, its options included (`schema`, `unique`,
`postgresql_where`, `ondelete`, …), and holds up no writer for longer than the lock timeout:

=======================================  =============================================================
`create_index_concurrently`              CREATE INDEX CONCURRENTLY; one that failed is built anew
`drop_index_concurrently`                DROP INDEX CONCURRENTLY
`replace_index_concurrently`             builds another index of this name before it drops the old one
`create_foreign_key_concurrently`        ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT
`create_check_constraint_concurrently`   the same
`create_unique_constraint_concurrently`  a unique index, then ADD CONSTRAINT … USING INDEX
`set_not_null_concurrently`              SET NOT NULL, once a validated CHECK has proved it
`add_column_concurrently`                a column whose default differs from row to row
`backfill`                               values for a column, in batches; see `backfill.py`
=======================================  =============================================================

They **commit**: what a revision did before one of them is committed, and nothing is rolled back. So
each leaves out what is done already, and a revision that broke off can be run again. That holds for
all of the revision only if the rest can be repeated too, as `op.add_column(…, if_not_exists=True)`
can; autogenerate sees to that.

What takes long, a build or a validation, waits without a timeout, since nobody waits for it. What
needs the table for itself has the lock timeout.

Revisions run for years, in every test and on each new machine. So the signatures here never change;
an operation that has to be different gets another name.
"""

from collections.abc import Callable, Sequence
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations import MigrateOperation, Operations, ops
from alembic.util import CommandError
from sqlalchemy import Column

from ..postgresql.online_ddl import OnlineDDL

Columns = Sequence[Any]


class Concurrently(MigrateOperation):
    """One of Alembic's operations, done so that the table can be written to meanwhile."""

    def __init__(self, plain: MigrateOperation) -> None:
        self.plain = plain

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        undo = self.plain.reverse()
        return Concurrently(undo) if isinstance(undo, ops.CreateIndexOp | ops.DropIndexOp) else undo

    @classmethod
    def create_index_concurrently(
        cls, operations: Operations, name: str, table_name: str, columns: Columns, **options: Any
    ) -> None:
        """Build an index while rows are written."""
        operations.invoke(cls(ops.CreateIndexOp(name, table_name, columns, **options)))

    @classmethod
    def drop_index_concurrently(
        cls, operations: Operations, name: str, table_name: str | None = None, **options: Any
    ) -> None:
        """Drop an index while rows are written."""
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
        """Add a foreign key: at once for new rows, then validate those that are there."""
        tables, columns = (source_table, referent_table), (local_cols, remote_cols)
        operations.invoke(cls(ops.CreateForeignKeyOp(name, *tables, *columns, **options)))

    @classmethod
    def create_check_constraint_concurrently(
        cls, operations: Operations, name: str, table_name: str, condition: Any, **options: Any
    ) -> None:
        """Add a CHECK: at once for new rows, then validate those that are there."""
        operations.invoke(cls(ops.CreateCheckConstraintOp(name, table_name, condition, **options)))

    @classmethod
    def create_unique_constraint_concurrently(
        cls, operations: Operations, name: str, table_name: str, columns: Columns, **options: Any
    ) -> None:
        """Build a unique index while rows are written, and make a constraint of it."""
        operations.invoke(cls(ops.CreateUniqueConstraintOp(name, table_name, columns, **options)))

    @classmethod
    def add_column_concurrently(
        cls, operations: Operations, table_name: str, column: Column[Any], **options: Any
    ) -> None:
        """Add a column with a server default that PostgreSQL would rewrite the table for.

        That is one which differs from row to row, such as `gen_random_uuid()`. Others cost nothing.
        """
        operations.invoke(cls(ops.AddColumnOp(table_name, column, **options)))


for _name in [name for name in vars(Concurrently) if name.endswith("_concurrently")]:
    Operations.register_operation(_name)(Concurrently)


@Operations.register_operation("replace_index_concurrently")
class ReplaceIndex(ops.CreateIndexOp):
    """Another index of the same name; there is one at any time."""

    replaced: ops.CreateIndexOp

    @classmethod
    def replacing(cls, old: ops.CreateIndexOp, new: ops.CreateIndexOp) -> "ReplaceIndex":
        """Return what puts one in the place of the other."""
        options = {"schema": new.schema, "unique": new.unique, **new.kw}
        operation = cls(new.index_name, new.table_name, new.columns, **options)
        operation.replaced = old
        return operation

    def reverse(self) -> Any:
        """Return what takes it back."""
        return ReplaceIndex.replacing(self, self.replaced)

    @classmethod
    def replace_index_concurrently(
        cls, operations: Operations, name: str, table_name: str, columns: Columns, **options: Any
    ) -> None:
        """Build an index while rows are written, and then drop the one that has its name."""
        operations.invoke(cls(name, table_name, columns, **options))


@Operations.register_operation("set_not_null_concurrently")
class SetNotNull(MigrateOperation):
    """No NULL in a column from now on."""

    def __init__(self, table_name: str, column_name: str, *, schema: str | None = None) -> None:
        self.table_name, self.column_name, self.schema = table_name, column_name, schema

    def reverse(self) -> ops.AlterColumnOp:
        """Return what takes it back."""
        return ops.AlterColumnOp(
            self.table_name, self.column_name, schema=self.schema, modify_nullable=True
        )

    @classmethod
    def set_not_null_concurrently(
        cls, operations: Operations, table_name: str, column_name: str, *, schema: str | None = None
    ) -> None:
        """Refuse NULL in new rows, validate those that are there, and set NOT NULL."""
        operations.invoke(cls(table_name, column_name, schema=schema))


@Operations.register_operation("backfill")
class BackfillOp(MigrateOperation):
    """Values for a column where it has none."""

    def __init__(
        self, table_name: str, column_name: str, expression: str, *, schema: str | None = None
    ) -> None:
        self.table_name, self.column_name, self.schema = table_name, column_name, schema
        self.expression = expression

    @classmethod
    def backfill(
        cls,
        operations: Operations,
        table_name: str,
        column_name: str,
        expression: str,
        *,
        schema: str | None = None,
        batch: int = 500,
        pause: float = 0.0,
    ) -> None:
        """Set a column where it is NULL, a transaction for each batch of rows.

        Args:
            expression: the value in SQL; it may use the other columns of the row. A row for which it
                is NULL stays as it is.
            batch: how many rows a transaction changes; nobody else can change them meanwhile.
            pause: seconds between two transactions, to leave the server some room.
        """
        if not expression:
            raise CommandError(
                f"say what {table_name}.{column_name} is for the rows that are there already: "
                "the third argument of op.backfill(), as SQL"
            )
        with OnlineDDL.of(operations) as steps:
            steps.backfill(table_name, column_name, schema, expression, batch, pause)


_METHODS: dict[type[MigrateOperation], Callable[[OnlineDDL, Any], None]] = {
    ops.AddColumnOp: OnlineDDL.add_column,
    ops.CreateIndexOp: OnlineDDL.create_index,
    ops.DropIndexOp: OnlineDDL.drop_index,
    ops.CreateForeignKeyOp: OnlineDDL.create_foreign_key,
    ops.CreateCheckConstraintOp: OnlineDDL.create_check,
    ops.CreateUniqueConstraintOp: OnlineDDL.create_unique,
}


@Operations.implementation_for(Concurrently)
def _perform(operations: Operations, operation: Concurrently) -> None:
    with OnlineDDL.of(operations) as steps:
        _METHODS[type(operation.plain)](steps, operation.plain)


@Operations.implementation_for(ReplaceIndex)
def _replace_index(operations: Operations, operation: ReplaceIndex) -> None:
    with OnlineDDL.of(operations) as steps:
        steps.replace_index(operation)


@Operations.implementation_for(SetNotNull)
def _set_not_null(operations: Operations, operation: SetNotNull) -> None:
    with OnlineDDL.of(operations) as steps:
        steps.set_not_null(operation.table_name, operation.column_name, operation.schema)


@renderers.dispatch_for(Concurrently)
def _render(context: AutogenContext, operation: Concurrently) -> str:
    [plain] = render_op(context, operation.plain)
    name, _, arguments = plain.partition("(")
    return f"{name}_concurrently({arguments}"


@renderers.dispatch_for(ReplaceIndex)
def _render_replacement(context: AutogenContext, operation: ReplaceIndex) -> str:
    plain = ops.CreateIndexOp.from_index(operation.to_index())
    return render_op(context, plain)[0].replace("create_index(", "replace_index_concurrently(", 1)


@renderers.dispatch_for(SetNotNull)
@renderers.dispatch_for(BackfillOp)
def _render_column(_: AutogenContext, operation: SetNotNull | BackfillOp) -> str:
    names = [operation.table_name, operation.column_name]
    if isinstance(operation, BackfillOp):
        names.append(operation.expression)
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    name = "backfill" if isinstance(operation, BackfillOp) else "set_not_null_concurrently"
    return f"op.{name}({', '.join(map(repr, names))}{schema})"
