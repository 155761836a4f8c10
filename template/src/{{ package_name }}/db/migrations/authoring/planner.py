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
index, not unique                      built, dropped, replaced concurrently; dropped: contract
CHECK, UNIQUE, foreign key             concurrently; contract, unless its columns are new; dropped: expand
constraint that replaces another       see `replacements.py`
CHECK that replaces another            between the phases, a third CHECK allows what the old or the
                                       new one allows
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
from .constraints import Constraints, added_columns
from .defaults import as_sql
from .replacements import table_of
from .statements import Statement
from .trial import Change


class Planner:
    """The changes with their phases, and a message for each refused change."""

    def __init__(self, found: Sequence[MigrateOperation], migration: MigrationContext) -> None:
        self.changes: list[Change] = []
        self.refused: list[str] = []
        self._found = found
        self._constraints = Constraints(found, migration)
        self._dialect = migration.dialect
        self._metadata: sa.MetaData = migration.opts["target_metadata"]
        self._new_tables = {table_of(each) for each in found if isinstance(each, ops.CreateTableOp)}
        self._old_tables = {table_of(each) for each in found if isinstance(each, ops.DropTableOp)}
        given = [each.partition("=") for each in context.get_x_argument()]
        self._allowed = {value for name, _, value in given if name == "allow"}
        for operation in found:
            self._add(operation)
        self.changes += self._constraints.changes

    def _add(self, operation: MigrateOperation) -> None:
        table = table_of(operation)
        if isinstance(operation, ops.CreateTableOp):
            operation.columns = [*map(_written, operation.columns)]
        if table in self._new_tables:
            self._do("expand", operation)
        elif table not in self._old_tables or isinstance(operation, ops.DropTableOp):
            self._plan(operation)

    def _do(self, phase: Phase, operation: MigrateOperation, *undo: MigrateOperation) -> None:
        after = self._constraints.after.get(getattr(operation, "plain", operation), [])
        self.changes.append(Change(operation, [*undo] or [operation.reverse()], phase, after))

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
        if isinstance(operation, Statement) and operation.undo is None:
            self.refused.append(operation.refusal())
        self._do(getattr(operation, "phase", "expand"), operation)  # a plugin can give a phase

    @_plan.register
    def _create_index(self, operation: ops.CreateIndexOp) -> None:
        self._refuse_partitions(operation)
        old = self._constraints.in_place.get(operation)
        new = ReplaceIndex.replacing(old.reverse(), operation) if old else Concurrently(operation)
        self._do(self._constraints.phase_of_new(operation), new)

    def _refuse_partitions(self, operation: Any) -> None:
        if self._model(operation).dialect_options["postgresql"]["partition_by"]:
            self.refused.append(
                f"{operation.table_name}: PostgreSQL cannot build an index of a partitioned table "
                "concurrently. Write a revision that creates it ON ONLY the table, creates one on "
                "each partition, and attaches them"
            )

    @_plan.register
    def _drop_index(self, operation: ops.DropIndexOp) -> None:
        if operation not in self._constraints.in_place.values():
            self._do(self._constraints.phase_of_old(operation), Concurrently(operation))

    @_plan.register(ops.CreateForeignKeyOp)
    @_plan.register(ops.CreateCheckConstraintOp)
    @_plan.register(ops.CreateUniqueConstraintOp)
    def _create_constraint(self, operation: ops.AddConstraintOp) -> None:
        if isinstance(operation, ops.CreateUniqueConstraintOp):
            self._refuse_partitions(operation)
        self._do(self._constraints.phase_of_new(operation), Concurrently(operation))

    @_plan.register
    def _add_column(self, operation: ops.AddColumnOp) -> None:
        default = operation.column.server_default
        if type(default) is sa.FetchedValue:
            default = None
        if isinstance(default, sa.Computed | sa.Identity):
            self._add_generated_column(operation, default)
        elif default is not None and dialect.differs_by_row(default):
            self._do("expand", Concurrently(operation))
        elif default is not None or operation.column.nullable:
            self._do("expand", operation)
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
            self._do("expand", operation)

    def _add_column_without_value(self, operation: ops.AddColumnOp) -> None:
        table, schema, column = operation.table_name, operation.schema, operation.column
        nullable = column._copy()
        nullable.nullable = True
        self._do("expand", ops.AddColumnOp(table, nullable, schema=schema))
        self._refuse_null(table, column.name, schema, as_sql(column, self._dialect))

    def _refuse_null(self, table: str, column: str, schema: str | None, value: str | None) -> None:
        """Give values to the existing rows, and set NOT NULL."""
        if value is not None:
            fill = BackfillOp(table, column, value, schema=schema)
            self.changes.append(Change(fill, [], "contract"))
        self._do("contract", SetNotNull(table, column, schema=schema))

    @_plan.register
    def _alter_column(self, operation: ops.AlterColumnOp) -> None:
        if operation.modify_type is not None:  # `comparison` made it, and it changes only the type.
            self._change_type(operation)
            return
        rest = copy(operation)
        if operation.modify_nullable is False:
            rest.modify_nullable = None
            table, column, schema = operation.table_name, operation.column_name, operation.schema
            [model] = (each for each in self._model(operation).c if each.name == column)
            has_null = context.get_bind().scalar(sa.select(sa.exists().where(model.is_(None))))
            value = as_sql(model, self._dialect) or ("" if has_null else None)
            self._refuse_null(table, column, schema, value)
        if rest.has_changes():
            is_dropped = rest.modify_server_default is None  # The old code may rely on the default.
            self._do("contract" if is_dropped else "expand", rest)

    def _change_type(self, operation: ops.AlterColumnOp) -> None:
        before: Any = operation.existing_type
        after: Any = operation.modify_type
        problem = (
            f"PostgreSQL would rewrite the whole table to make {before!r} {after!r}, and lock it "
            "meanwhile. Add a column of the new type, write both, fill the new one with "
            "op.backfill(), and drop the old one later"
        )
        name = f"{operation.table_name}.{operation.column_name}"
        if dialect.widens(before.compile(self._dialect), after.compile(self._dialect)):
            self._do("expand", operation)
        elif self._allows(name, operation.schema, problem):
            self._do("contract", operation)

    @_plan.register
    def _drop_constraint(self, operation: ops.DropConstraintOp) -> None:
        # This is the name in the database. Without op.f() the naming convention would be applied
        # again.
        operation.constraint_name = conv(str(operation.constraint_name))
        undo = operation.reverse()
        primary = isinstance(undo, ops.CreatePrimaryKeyOp)
        phase = self._constraints.phase_of_old(operation)
        self._do(phase, operation, undo if primary else Concurrently(undo))

    @_plan.register
    def _drop_column(self, operation: ops.DropColumnOp) -> None:
        table, column, schema = operation.table_name, operation.column_name, operation.schema
        new = [each.column.name for each in added_columns(self._found, operation)]
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
                self._do("expand", nullable, SetNotNull(table, column, schema=schema))
                old.nullable = True
            self._do("contract", operation)

    @_plan.register
    def _drop_table(self, operation: ops.DropTableOp) -> None:
        problem = "the rows of a dropped table are gone"
        if self._allows(operation.table_name, operation.schema, problem):
            drops = [each for each in self._found if isinstance(each, ops.DropIndexOp)]
            indexes = [each.reverse() for each in drops if table_of(each) == table_of(operation)]
            self._do("contract", operation, operation.reverse(), *indexes)

    def _model(self, operation: Any) -> sa.Table:
        schema, name = table_of(operation)
        default = self._dialect.default_schema_name  # A model may name the default schema.
        full = f"{schema or default}.{name}"
        return self._metadata.tables[full if full in self._metadata.tables else name]


def _written(part: Any) -> Any:
    """Return a part of a new table, so that Alembic writes it if it is a constraint."""
    if isinstance(part, sa.Constraint):
        part = copy(part)
        # The type of a column is written without its CHECK. If necessary, the trial removes a key.
        part._type_bound = part.use_alter = False
    return part
