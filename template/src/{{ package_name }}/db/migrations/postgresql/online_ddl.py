"""Statements outside of a revision's transaction, each committed by itself.

Each of them may have been executed already, by a try that broke off afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from alembic.operations import Operations, ops
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import conv

from ...errors import ConstraintViolation
from .backfill import Backfill

_TIMEOUTS = ("lock_timeout", "statement_timeout")


class OnlineDDL:
    """What an operation of `operations.py` executes."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._context = operations.get_context()
        self._quote = self._context.dialect.identifier_preparer.quote

    @classmethod
    @contextmanager
    def of(cls, operations: Operations) -> Iterator["OnlineDDL"]:
        """Leave the transaction for as long as the block lasts.

        Raises:
            CommandError: it is not Alembic's to leave.
        """
        steps = cls(operations)
        if steps._context._in_external_transaction:
            raise CommandError(
                "an operation of this revision commits, and the connection that Alembic was handed "
                "is in a transaction: hand in one that is not"
            )
        with steps._context.autocommit_block():
            yield steps

    def add_column(self, addition: ops.AddColumnOp) -> None:
        """Add a column whose default would have the table rewritten."""
        column, schema = addition.column._copy(), addition.schema
        default, nullable = column.server_default, column.nullable
        column.server_default, column.nullable = None, True
        place = (addition.table_name, column.name)
        self._operations.add_column(addition.table_name, column, schema=schema, if_not_exists=True)
        self._operations.alter_column(*place, schema=schema, server_default=default)
        self.backfill(*place, schema, str(getattr(default, "arg", "")), 500, 0.0)
        if not nullable:
            self.set_not_null(*place, schema)

    def create_index(self, index: ops.CreateIndexOp, name: str | None = None) -> None:
        """Build an index, and before that drop what an earlier try has left unfinished."""
        name = name or self._cut(index.index_name)
        full = self._name(name, index.schema)
        unfinished = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:_0) AND NOT indisvalid"
        drop = f"DROP INDEX CONCURRENTLY {full}"
        with self._patience(), self._undoing(drop):
            if self._found(unfinished, full):
                self._execute(drop)
            self._operations.create_index(
                name,
                index.table_name,
                list(index.columns),
                schema=index.schema,
                unique=index.unique,
                if_not_exists=True,
                **{**index.kw, "postgresql_concurrently": True},
            )

    def drop_index(self, index: ops.DropIndexOp) -> None:
        """Drop an index."""
        name = self._name(self._cut(index.index_name), index.schema)
        with self._patience():
            self._execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    def replace_index(self, index: ops.CreateIndexOp) -> None:
        """Build an index beside the one that has its name, and take over the name."""
        name = self._cut(index.index_name)
        other = f"{name[:59]}_new"
        self.create_index(index, other)
        self.drop_index(ops.DropIndexOp(name, schema=index.schema))
        other = self._name(other, index.schema)
        self._execute(f"ALTER INDEX {other} RENAME TO {self._quote(name)}")

    def create_foreign_key(self, key: ops.CreateForeignKeyOp) -> None:
        """Add a foreign key, then look at the rows."""
        name, schema = self._final(key), key.kw.get("source_schema")
        if not self._constrained(name, key.source_table, schema):
            self._operations.create_foreign_key(
                name,
                key.source_table,
                key.referent_table,
                key.local_cols,
                key.remote_cols,
                **{**key.kw, "postgresql_not_valid": True},
            )
        self._validate(name, key.source_table, schema)

    def create_check(self, check: ops.CreateCheckConstraintOp) -> None:
        """Add a CHECK, then look at the rows."""
        name, schema = self._final(check), check.schema
        if not self._constrained(name, check.table_name, schema):
            self._operations.create_check_constraint(
                name,
                check.table_name,
                check.condition,
                schema=schema,
                **{**check.kw, "postgresql_not_valid": True},
            )
        self._validate(name, check.table_name, schema)

    def create_unique(self, unique: ops.CreateUniqueConstraintOp) -> None:
        """Build a unique index, and make a constraint of it."""
        name, options = self._final(unique), dict(unique.kw)
        if self._constrained(name, unique.table_name, unique.schema):
            return
        deferrable, initially = options.pop("deferrable", None), options.pop("initially", None)
        index = ops.CreateIndexOp(
            name, unique.table_name, unique.columns, schema=unique.schema, unique=True, **options
        )
        self.create_index(index)
        action = f"ADD CONSTRAINT {self._quote(name)} UNIQUE USING INDEX {self._quote(name)}"
        if deferrable:
            action += f" DEFERRABLE INITIALLY {initially or 'IMMEDIATE'}"
        self._alter(unique.table_name, unique.schema, action)

    def set_not_null(self, table: str, column: str, schema: str | None) -> None:
        """Set NOT NULL, and look at the rows before, while they can be written to."""
        proof = f"not_null_{column}".encode()[:60].decode(errors="ignore")
        quoted = self._quote(column)
        if not self._constrained(proof, table, schema):
            done = "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(:_0) AND attname = :_1"
            if self._found(f"{done} AND attnotnull", self._name(table, schema), column):
                return
            check = f"CHECK ({quoted} IS NOT NULL) NOT VALID"
            self._alter(table, schema, f"ADD CONSTRAINT {self._quote(proof)} {check}")
        self._validate(proof, table, schema)
        self._alter(table, schema, f"ALTER COLUMN {quoted} SET NOT NULL")
        self._alter(table, schema, f"DROP CONSTRAINT {self._quote(proof)}")

    def backfill(
        self,
        table: str,
        column: str,
        schema: str | None,
        expression: str,
        batch: int,
        pause: float,
    ) -> None:
        """Give a column values, see `backfill.py`."""
        work = Backfill(table, schema, column, expression)
        with self._patience("statement_timeout"):
            if self._context.as_sql:
                note = "-- All rows at once; `alembic upgrade` itself does it in batches"
                self._context.impl.static_output(note)
                self._operations.execute(work.all_at_once())
            else:
                work.run(self._operations.get_bind(), batch, pause)

    def _final(self, operation: ops.AddConstraintOp) -> conv:
        """Return a constraint's name with what the naming convention makes of it."""
        return self._cut(operation.to_constraint(self._context).name)

    def _cut(self, name: Any) -> conv:
        """Return a name as the database has it: cut where it is too long, if it may be."""
        preparer = self._context.dialect.identifier_preparer
        return conv(preparer.truncate_and_render_constraint_name(name, _alembic_quote=False))

    def _name(self, name: str, schema: str | None) -> str:
        return f"{self._quote(schema)}.{self._quote(name)}" if schema else self._quote(name)

    def _execute(self, sql: str) -> None:
        self._operations.execute(text(sql.replace(":", r"\:")))

    def _found(self, query: str, *values: str) -> bool:
        """Tell whether a query finds something; it never does when only SQL is written."""
        if self._context.as_sql:
            return False
        parameters = {f"_{number}": value for number, value in enumerate(values)}
        return self._operations.get_bind().execute(text(query), parameters).first() is not None

    def _constrained(self, constraint: str, table: str, schema: str | None) -> bool:
        query = "SELECT 1 FROM pg_constraint WHERE conname = :_0 AND conrelid = to_regclass(:_1)"
        return self._found(query, constraint, self._name(table, schema))

    def _alter(self, table: str, schema: str | None, action: str) -> None:
        self._execute(f"ALTER TABLE {self._name(table, schema)} {action}")

    def _validate(self, constraint: str, table: str, schema: str | None) -> None:
        name = self._quote(constraint)
        drop = f"ALTER TABLE {self._name(table, schema)} DROP CONSTRAINT {name}"
        with self._undoing(drop), self._patience():
            self._alter(table, schema, f"VALIDATE CONSTRAINT {name}")

    @contextmanager
    def _undoing(self, sql: str) -> Iterator[None]:
        """Leave nothing of a constraint that the rows break; it would be enforced all the same."""
        try:
            yield
        except (ConstraintViolation, IntegrityError):
            self._execute(sql)
            raise

    @contextmanager
    def _patience(self, *timeouts: str) -> Iterator[None]:
        """Wait as long as it takes, for what holds up nobody."""
        for name in timeouts or _TIMEOUTS:
            self._execute(f"SET {name} = 0")
        try:
            yield
        except BaseException:
            with suppress(Exception):  # a connection that is lost needs no timeouts
                self._impatience(timeouts)
            raise
        self._impatience(timeouts)

    def _impatience(self, timeouts: tuple[str, ...]) -> None:
        for name in timeouts or _TIMEOUTS:
            # In a script there is no connection whose own value could come back.
            value = self._context.opts.get(name)
            self._execute(f"SET {name} = '{value}'" if value else f"RESET {name}")
