"""`op.backfill("users", "kind", "'member'")` sets a column in the rows where it is NULL.

It changes the rows in batches, and commits each batch. Nobody waits longer than one batch. A row
that has a value keeps it, so a run that broke off continues where it stopped.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from alembic.operations import MigrateOperation, Operations
from alembic.util import CommandError
from sqlalchemy import Connection

from ..dialect import dialect
from .progress import Progress


@Operations.register_operation("backfill")
class BackfillOp(MigrateOperation):
    """The operation that sets a column in the rows where it is NULL."""

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
        """Set a column where it is NULL, with a transaction for each batch of rows.

        Args:
            expression: the value in SQL. It may use other columns of the row. If it is NULL, the
                row does not change.
            batch: how many rows a transaction changes. Nobody else can change them meanwhile.
            pause: seconds between two transactions, to leave the server some time for others.
        """
        if not expression:
            raise CommandError(f"write the value of {table_name}.{column_name} into op.backfill()")
        with dialect.OnlineDDL.outside_of_transaction(operations) as ddl:
            backfill = Backfill(table_name, schema, column_name, expression)
            backfill.perform(operations, ddl, batch, pause)


class Backfill:
    """One column of one table, and the value that it gets where it is NULL."""

    def __init__(self, table: str, schema: str | None, column: str, expression: str) -> None:
        self._title = f"{table}.{column}"
        self._update = dialect.BatchedUpdate(table, schema, column, expression)

    def perform(
        self, operations: Operations, ddl: dialect.OnlineDDL, batch: int, pause: float
    ) -> None:
        """Change the rows, or write one statement for all of them into a script."""
        context = operations.get_context()
        with ddl.without_timeouts("statement_timeout"):
            if context.opts.get("judged"):
                return  # The gate knows what a backfill does.
            if context.as_sql:
                context.impl.static_output("-- All rows in one statement. Alembic uses batches.")
                operations.execute(self._update.change_all())
            else:
                tell = context.opts.get("tell") or (lambda _: None)
                self.run(operations.get_bind(), batch, pause, tell)

    def run(
        self, connection: Connection, batch: int, pause: float, tell: Callable[[str], None]
    ) -> None:
        """Change the rows, and tell the progress.

        Args:
            connection: a connection in autocommit mode.
            batch: how many rows are changed, and locked, at a time.
            pause: seconds after each batch.
            tell: called with each line about the progress.
        """
        key = self._update.find_key(connection)
        progress = Progress(self._title, self._update.estimate(connection), tell)
        # The first pass leaves out rows that others have locked, so that nobody waits. The second
        # pass changes those rows, and new ones, and waits for locks as long as the lock timeout
        # allows.
        for skip_locked in (True, False):
            last: Sequence[Any] = ()
            while found := self._update.change_next(
                connection, key, last, batch, skip_locked=skip_locked
            ):
                *last, count = found
                progress.advance(count)
                time.sleep(pause)
        progress.finish()
