"""Turn the changes of the models into operations that can be deployed.

A change of a table that is in use becomes an operation of `operations/`. A change that the running
code would not survive goes into a second revision, of the phase `contract`:

=====================================  ===============================================================
Change                                 becomes
=====================================  ===============================================================
new table, and all in it               the plain operations
new column; NULL or a fixed default    the plain operation
new column, default per row            `add_column_concurrently`
new column, NOT NULL without default   the column; then, contract: `backfill`, SET NOT NULL
dropped default                        contract
index                                  built, dropped, replaced concurrently; dropped: contract
CHECK, UNIQUE, foreign key             concurrently; contract, unless its columns are new
foreign key with another ON DELETE     dropped and created concurrently, both contract
another CHECK, UNIQUE of that name     dropped, so that both codes may write; contract: created
SET NOT NULL                           contract
wider type, new default, comment       the plain operation
dropped column or table                refused, or contract if it is allowed; a column gets NULL before
other type, identity, stored column    refused, or contract if it is allowed
=====================================  ===============================================================

The planner refuses a change that loses data, or for which PostgreSQL would rewrite and lock the
whole table. `-x allow=users.bio` allows it for a table or a column.
"""

from collections.abc import Sequence
from copy import copy
from functools import singledispatchmethod
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.sql.elements import conv

from ..dialect import dialect
from ..operations import BackfillOp, Concurrently, ReplaceIndex, SetNotNull
from ..phases import Phase
from .defaults import as_sql
from .findings import Findings, Table, table_of
from .revisions import Change
from .statements import Statement


class Planner:
    """The changes of each phase, in their order."""

    def __init__(self, found: Sequence[MigrateOperation], migration: MigrationContext) -> None:
        self.changes: dict[Phase, list[Change]] = {"expand": [], "contract": []}
        self.refused: list[str] = []
        self._findings = Findings(found)
        self._dialect = migration.dialect
        self._metadata: sa.MetaData = migration.opts["target_metadata"]
        self._indexes_of_old_tables: dict[Table, list[MigrateOperation]] = {}
        self._allowed = {
            value
            for name, _, value in (each.partition("=") for each in context.get_x_argument())
            if name == "allow"
        }

    def add(self, operation: MigrateOperation) -> None:
        """Plan one operation of autogenerate."""
        table = table_of(operation)
        if table in self._findings.new_tables:
            self._expand(operation)
        elif table in self._findings.old_tables and isinstance(operation, ops.DropIndexOp):
            self._indexes_of_old_tables.setdefault(table, []).append(operation.reverse())
        else:
            self._plan(operation)

    def _expand(self, operation: MigrateOperation, *undo: MigrateOperation) -> None:
        self.changes["expand"].append(Change(operation, undo or [operation.reverse()]))

    def _contract(self, operation: MigrateOperation, *undo: MigrateOperation) -> None:
        self.changes["contract"].append(Change(operation, undo or [operation.reverse()]))

    def _allows(self, name: str, schema: str | None, problem: str) -> bool:
        full = f"{schema}.{name}" if schema else name
        if full in self._allowed:
            return True
        self.refused.append(
            f"{full}: {problem}. To write it anyway: `just revision MESSAGE {full}`"
        )
        return False

    @singledispatchmethod
    def _plan(self, operation: MigrateOperation) -> None:
        if getattr(operation, "phase", None) == "contract":  # an operation of a plugin
            self._contract(operation)
        else:
            self._expand(operation)

    @_plan.register
    def _execute_sql(self, operation: Statement) -> None:
        if operation.undo is None:
            self.refused.append(operation.refusal())
        self._expand(operation)

    @_plan.register
    def _create_index(self, operation: ops.CreateIndexOp) -> None:
        old = self._findings.dropped_index(operation)
        if self._model(operation).dialect_options["postgresql"]["partition_by"]:
            self.refused.append(
                f"{operation.table_name}: PostgreSQL cannot build an index of a partitioned table "
                "concurrently. Write a revision that creates it ON ONLY the table, creates one on "
                "each partition, and attaches them"
            )
        new = operation if old is None else ReplaceIndex.replacing(old.reverse(), operation)
        change = new if isinstance(new, ReplaceIndex) else Concurrently(new)
        harmless = not operation.unique or self._findings.are_new(operation, operation.columns)
        plan = self._expand if harmless else self._contract
        plan(change)

    @_plan.register
    def _drop_index(self, operation: ops.DropIndexOp) -> None:
        if self._findings.is_replaced(operation):
            return
        plan = self._expand if operation.reverse().unique else self._contract
        plan(Concurrently(operation))

    @_plan.register(ops.CreateForeignKeyOp)
    @_plan.register(ops.CreateCheckConstraintOp)
    @_plan.register(ops.CreateUniqueConstraintOp)
    def _create_constraint(self, operation: ops.AddConstraintOp) -> None:
        columns = operation.to_constraint().columns.keys()  # type: ignore[attr-defined]
        if drop := self._findings.dropped_foreign_key(operation):
            # Dropping it in the expand phase would allow rows that refer to nothing.
            self._contract(drop, Concurrently(drop.reverse()))
        harmless = columns and self._findings.are_new(operation, columns)
        plan = self._expand if harmless else self._contract
        plan(Concurrently(operation))

    @_plan.register
    def _add_column(self, operation: ops.AddColumnOp) -> None:
        kind: Any = operation.column.type
        if getattr(kind, "create_constraint", False):  # Its CHECK is a separate change.
            operation.column.type = kind = kind.copy()
            kind.create_constraint = False
        default = operation.column.server_default
        if type(default) is sa.FetchedValue:
            default = None
        if isinstance(default, sa.Computed | sa.Identity):
            self._add_generated_column(operation, default)
        elif default is not None and dialect.differs_by_row(default):
            self._expand(Concurrently(operation))
        elif default is not None or operation.column.nullable:
            self._expand(operation)
        else:
            self._add_column_without_value(operation)

    def _add_generated_column(
        self, operation: ops.AddColumnOp, default: sa.Computed | sa.Identity
    ) -> None:
        name = f"{operation.table_name}.{operation.column.name}"
        problem = (
            "PostgreSQL would rewrite the whole table for a stored or an identity column, and lock it "
            "meanwhile. Add a plain column, fill it with op.backfill(), and let a trigger keep it"
        )
        virtual = isinstance(default, sa.Computed) and default.persisted is False
        if virtual or self._allows(name, operation.schema, problem):
            self._expand(operation)

    def _add_column_without_value(self, operation: ops.AddColumnOp) -> None:
        table, schema, column = operation.table_name, operation.schema, operation.column
        nullable = column._copy()
        nullable.nullable = True
        self._expand(ops.AddColumnOp(table, nullable, schema=schema))
        self._refuse_null(table, column.name, schema, as_sql(column, self._dialect))

    def _refuse_null(
        self, table: str, column: str, schema: str | None, expression: str | None
    ) -> None:
        """Give values to the existing rows, and set NOT NULL."""
        if expression is not None:
            fill = BackfillOp(table, column, expression, schema=schema)
            self.changes["contract"].append(Change(fill, []))
        if expression == "":
            name = f"{table}.{column}"
            context.config.print_stdout("write the value of %s into op.backfill()", name)
        self._contract(SetNotNull(table, column, schema=schema))

    @_plan.register
    def _alter_column(self, operation: ops.AlterColumnOp) -> None:
        if operation.modify_type is not None:
            self._change_type(operation)
        rest = copy(operation)
        rest.modify_type = None
        if operation.modify_nullable is False:
            rest.modify_nullable = None
            table, column, schema = operation.table_name, operation.column_name, operation.schema
            [model] = (each for each in self._model(operation).c if each.name == column)
            has_null = context.get_bind().scalar(sa.select(sa.exists().where(model.is_(None))))
            value = as_sql(model, self._dialect) or ("" if has_null else None)
            self._refuse_null(table, column, schema, value)
        if rest.modify_server_default is None:
            drop = copy(rest)
            drop.modify_nullable, drop.modify_comment = None, False
            rest.modify_server_default = False
            self._contract(drop)  # The old code may rely on the default.
        if rest.has_changes():
            self._expand(rest)

    def _change_type(self, operation: ops.AlterColumnOp) -> None:
        change = copy(operation)
        change.modify_nullable = None
        change.modify_server_default = change.modify_comment = False
        before, after = operation.existing_type, operation.modify_type
        assert before is not None
        assert after is not None
        problem = (
            f"PostgreSQL would rewrite the whole table to make {before!r} {after!r}, and lock it "
            "meanwhile. Add a column of the new type, write both, fill the new one with "
            "op.backfill(), and drop the old one later"
        )
        name = f"{operation.table_name}.{operation.column_name}"
        if dialect.widens(before.compile(self._dialect), after.compile(self._dialect)):
            self._expand(change)
        elif self._allows(name, operation.schema, problem):
            self._contract(change)

    @_plan.register
    def _drop_constraint(self, operation: ops.DropConstraintOp) -> None:
        # This is the name in the database. Without op.f() the naming convention would be applied
        # again.
        operation.constraint_name = conv(str(operation.constraint_name))
        if self._findings.dropped_foreign_key(operation) is None:
            undo = operation.reverse()
            primary = isinstance(undo, ops.CreatePrimaryKeyOp)
            self._expand(operation, undo if primary else Concurrently(undo))

    @_plan.register
    def _drop_column(self, operation: ops.DropColumnOp) -> None:
        table, column, schema = operation.table_name, operation.column_name, operation.schema
        new = self._findings.new_columns(operation)
        problem = "the values of a dropped column are gone"
        if new:
            problem += (
                f". If you renamed it to {new[0]}, keep both columns, write both, fill the new one with "
                "op.backfill(), and drop the old one later"
            )
        if self._allows(f"{table}.{column}", schema, problem):
            old = operation.to_column()
            if not old.nullable and old.server_default is None:
                # The new code runs before the column is dropped, and does not write it.
                nullable = SetNotNull(table, column, schema=schema).reverse()
                self._expand(nullable, SetNotNull(table, column, schema=schema))
                old.nullable = True
            self._contract(operation)

    @_plan.register
    def _drop_table(self, operation: ops.DropTableOp) -> None:
        problem = "the rows of a dropped table are gone"
        if self._allows(operation.table_name, operation.schema, problem):
            indexes = self._indexes_of_old_tables.get(table_of(operation), [])
            self._contract(operation, operation.reverse(), *indexes)

    def _model(self, operation: Any) -> sa.Table:
        schema, name = table_of(operation)
        default = self._dialect.default_schema_name  # A model may name it.
        full = f"{schema or default}.{name}"
        return self._metadata.tables[full if full in self._metadata.tables else name]
