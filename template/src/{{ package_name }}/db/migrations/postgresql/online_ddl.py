"""Changes of a table in steps. Each step blocks writers only for a moment.

Each step commits. A step that an earlier try has done already is left out. A step that takes long,
such as a build or a validation, has no timeout, since nobody waits for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any

from alembic.operations import Operations, ops
from alembic.util import CommandError
from sqlalchemy import exc, text
from sqlalchemy.sql.elements import conv

from ...errors import ConstraintViolation
from . import catalogue
from .session import TIMEOUTS, set_timeouts


class OnlineDDL:
    """The steps of the operations in `operations/`."""

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self._context = operations.get_context()
        self._quote = self._context.dialect.identifier_preparer.quote

    @classmethod
    @contextmanager
    def outside_of_transaction(cls, operations: Operations) -> Iterator["OnlineDDL"]:
        """Leave the transaction of the revision while the block runs.

        Raises:
            CommandError: the transaction belongs to the caller of Alembic.
        """
        ddl = cls(operations)
        if ddl._context._in_external_transaction:
            raise CommandError(
                "an operation of this revision commits, but the given connection is in a "
                "transaction: give Alembic a connection without one"
            )
        with ddl._context.autocommit_block():
            yield ddl

    def create_index(self, index: ops.CreateIndexOp, name: str | None = None) -> None:
        """Build an index. Before that, drop an unfinished one of an earlier try."""
        name = name or self._cut(index.index_name)
        full = self._name(name, index.schema)
        drop = f"DROP INDEX CONCURRENTLY {full}"
        with self.without_timeouts(), self._undoing(drop):
            if self._ask(catalogue.is_unfinished, full):
                self._execute(drop)
            new = ops.CreateIndexOp(name, index.table_name, index.columns, schema=index.schema)
            # A script cannot know whether an index is INVALID, so it must not leave it out.
            new.unique, new.if_not_exists = index.unique, not self._context.as_sql
            new.kw = {**index.kw, "postgresql_concurrently": True}
            self.operations.invoke(new)

    def drop_index(self, index: ops.DropIndexOp) -> None:
        """Drop an index."""
        name = self._name(self._cut(index.index_name), index.schema)
        with self.without_timeouts():
            self._execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    def replace_index(self, index: ops.CreateIndexOp) -> None:
        """Build an index beside the one with its name, drop that one, and rename the new one."""
        name = self._cut(index.index_name)
        other = f"{name[:59]}_new"
        self.create_index(index, other)
        self.drop_index(ops.DropIndexOp(name, schema=index.schema))
        other = self._name(other, index.schema)
        self._execute(f"ALTER INDEX {other} RENAME TO {self._quote(name)}")

    def create_validated(self, constraint: Any) -> None:
        """Add a foreign key or a CHECK for new rows, then validate the existing rows."""
        new, options = copy(constraint), constraint.kw
        new.constraint_name = name = self._final(constraint)
        new.kw = {**options, "postgresql_not_valid": True}
        table = getattr(constraint, "source_table", getattr(constraint, "table_name", ""))
        schema = options.get("source_schema", getattr(constraint, "schema", None))
        if not self._has_constraint(table, schema, name):
            self.operations.invoke(new)
        self._validate(name, table, schema)

    def create_unique(self, unique: ops.CreateUniqueConstraintOp) -> None:
        """Build a unique index, and make it a constraint."""
        name, options = self._final(unique), dict(unique.kw)
        if self._has_constraint(unique.table_name, unique.schema, name):
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

    def set_not_null(self, operation: Any) -> None:
        """Set NOT NULL after a validated CHECK has proved it, so the rows are not read again."""
        table, column, schema = operation.table_name, operation.column_name, operation.schema
        proof = f"not_null_{column}".encode()[:60].decode(errors="ignore")
        quoted = self._quote(column)
        if not self._has_constraint(table, schema, proof):
            if self._ask(catalogue.is_not_null, self._name(table, schema), column):
                return
            check = f"CHECK ({quoted} IS NOT NULL) NOT VALID"
            self._alter(table, schema, f"ADD CONSTRAINT {self._quote(proof)} {check}")
        self._validate(proof, table, schema)
        self._alter(table, schema, f"ALTER COLUMN {quoted} SET NOT NULL")
        self._alter(table, schema, f"DROP CONSTRAINT {self._quote(proof)}")

    @contextmanager
    def without_timeouts(self, *names: str) -> Iterator[None]:
        """Run the block without timeouts, because nobody waits for it.

        Args:
            names: the names of the timeouts. Without names, all of them.
        """
        names = names or TIMEOUTS
        set_timeouts(self._execute, dict.fromkeys(names, "0"))
        # A script does not know the earlier values of the connection, so it cannot restore them.
        before = {name: self._context.opts.get(name) for name in names}
        try:
            yield
        except BaseException:
            with suppress(Exception):  # A lost connection needs no timeouts.
                set_timeouts(self._execute, before)
            raise
        set_timeouts(self._execute, before)

    def _final(self, operation: ops.AddConstraintOp) -> conv:
        """Return the name of a constraint after the naming convention."""
        return self._cut(operation.to_constraint(self._context).name)

    def _cut(self, name: Any) -> conv:
        """Return a name as the database has it. A name that is too long may be cut."""
        preparer = self._context.dialect.identifier_preparer
        return conv(preparer.truncate_and_render_constraint_name(name, _alembic_quote=False))

    def _name(self, name: str, schema: str | None) -> str:
        return f"{self._quote(schema)}.{self._quote(name)}" if schema else self._quote(name)

    def _execute(self, sql: str) -> None:
        self.operations.execute(text(sql.replace(":", r"\:")))

    def _ask(self, question: Callable[..., bool], *names: str) -> bool:
        """Ask the catalogue. For a script, the answer is always no."""
        return not self._context.as_sql and question(self.operations.get_bind(), *names)

    def _has_constraint(self, table: str, schema: str | None, constraint: str) -> bool:
        return self._ask(catalogue.has_constraint, self._name(table, schema), constraint)

    def _alter(self, table: str, schema: str | None, action: str) -> None:
        self._execute(f"ALTER TABLE {self._name(table, schema)} {action}")

    def _validate(self, constraint: str, table: str, schema: str | None) -> None:
        name = self._quote(constraint)
        drop = f"ALTER TABLE {self._name(table, schema)} DROP CONSTRAINT {name}"
        with self._undoing(drop), self.without_timeouts():
            self._alter(table, schema, f"VALIDATE CONSTRAINT {name}")

    @contextmanager
    def _undoing(self, sql: str) -> Iterator[None]:
        """Drop a constraint that rows violate. Otherwise it would stay in force for new rows."""
        try:
            yield
        except (ConstraintViolation, exc.IntegrityError):
            self._execute(sql)
            raise
