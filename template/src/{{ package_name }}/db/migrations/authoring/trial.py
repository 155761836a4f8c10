"""Find an order of the changes that works: try them in a transaction, and roll it back.

Each change is applied to the database as in the revision, but without `_concurrently`. If PostgreSQL
refuses a change, it may need another change first. So it is tried again after the others. If it is
still refused in the phase `expand`, it moves to `contract`. Then all changes are taken back in the same
way. So `just revision` writes no revision that cannot run.

Tables may refer to each other, or to a key that is created later. Then the foreign key becomes a
separate change.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, get_args

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations import MigrateOperation, Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DataError, IntegrityError

from ...errors import ConstraintViolation, DataException
from ..operations import BackfillOp, Concurrently, ReplaceIndex, SetNotNull
from ..phases import Phase
from .statements import Statement


@dataclass(eq=False)
class Change:
    """An operation, its undo operations, its phase, and the operations that must run before it."""

    operation: MigrateOperation
    undo: list[MigrateOperation]
    phase: Phase
    after: Sequence[MigrateOperation] = ()


class Trial:
    """Applies changes and takes them back, in a transaction that is rolled back.

    Attributes:
        refused: a message for each change that cannot be applied.
    """

    def __init__(self, migration: MigrationContext) -> None:
        self.refused: list[str] = []
        self._connection: Any = migration.connection
        self._context = AutogenContext(migration, autogenerate=False)
        self._operations = Operations(migration)
        self._rows_refuse = False

    def arrange(self, changes: Sequence[Change]) -> list[Change]:
        """Return the changes in an order that works. Some of them move to another phase."""
        waiting = sorted(changes, key=_rank)
        transaction = self._connection.begin_nested()
        try:
            order, left = self._order(waiting)
            parts = [(change, change.operation) for change in left]
            parts += [(change, undo) for change in order[::-1] for undo in change.undo]
            for change, operation in () if self._rows_refuse else parts:
                if said := self._try(operation):
                    self._refuse(change, operation, said)
            return [*order, *left]
        finally:
            transaction.rollback()

    def write(self, operation: MigrateOperation) -> str:
        """Return an operation as Python, or the message about SQL that a person must write."""
        if isinstance(operation, Statement) and operation.undo is None:
            return operation.refusal()
        return "\n".join(render_op(self._context, getattr(operation, "plain", operation)))

    def _order(self, waiting: list[Change]) -> tuple[list[Change], list[Change]]:
        """Apply the changes. Return those that were applied, in their order, and the other ones."""
        order: list[Change] = []
        for phase in get_args(Phase):  # in their order
            while stuck := [change for change in waiting if change.phase == phase]:
                possible = (each for each in stuck if self._is_possible(each, waiting))
                if first := next(possible, None):
                    waiting.remove(first)
                    order.append(first)
                elif keys := next(filter(None, map(_split, stuck)), []):
                    waiting += keys
                else:
                    break
            for change in waiting:
                change.phase = "contract"
        return order, waiting

    def _is_possible(self, change: Change, waiting: Sequence[Change]) -> bool:
        is_early = any(_plain(each) in change.after for each in waiting)
        return not is_early and not self._try(change.operation)

    def _try(self, operation: MigrateOperation) -> str:
        """Apply an operation. Return the error message, or an empty string."""
        plain = getattr(operation, "plain", operation)
        if isinstance(plain, SetNotNull | BackfillOp):
            return ""  # These change only rows.
        if isinstance(plain, ops.CreateUniqueConstraintOp):
            # The trial leaves out INCLUDE, because Alembic does not know its columns.
            plain = copy(plain)
            plain.kw = {key: each for key, each in plain.kw.items() if "include" not in key}
        parts: list[MigrateOperation] = [plain]
        if isinstance(plain, ReplaceIndex):
            index = plain.to_index()
            parts = [ops.DropIndexOp.from_index(index), ops.CreateIndexOp.from_index(index)]
        savepoint = self._connection.begin_nested()
        try:
            lines = [*map(self.write, parts)]  # This also adds their imports.
            names = {"op": self._operations, "sa": sa}
            exec("\n".join([*self._context.imports, *lines]), names)  # noqa: S102  # as in the revision
            savepoint.commit()
        except (ConstraintViolation, DataException, DataError, IntegrityError) as error:
            savepoint.rollback()
            self._rows_refuse = True
            context.config.print_stdout("existing rows prevent a change: %s", _message(error))
        except Exception as error:  # Any error means that the revision cannot run.
            savepoint.rollback()
            return _message(error)
        return ""

    def _refuse(self, change: Change, operation: MigrateOperation, said: str) -> None:
        plain = _plain(change)
        table = getattr(plain, "source_table", getattr(plain, "table_name", "a statement"))
        self.refused.append(
            f"{table}: a part of this change cannot run: {said}. Write it by hand, or make the "
            f"change in two revisions:\n{self.write(operation)}"
        )


def _rank(change: Change) -> int:
    """Return 0 for a change that others may need, 2 for a foreign key, and 1 for the rest.

    It is 3 for a change whose downgrade fails if a row has NULL. So that is tried before the downgrade
    drops a column, whose values would be lost.
    """
    if any(isinstance(each, SetNotNull) for each in change.undo):
        return 3
    early = isinstance(change.operation, ops.AlterColumnOp | Statement)
    return 0 if early else 2 if isinstance(_plain(change), ops.CreateForeignKeyOp) else 1


def _plain(change: Change) -> Any:
    return getattr(change.operation, "plain", change.operation)


def _message(error: Exception) -> str:
    """Return the message of the server, with its DETAIL."""
    cause = getattr(error, "driver_exception", None) or error.__cause__ or error
    return " ".join(str(getattr(cause, "__notes__", [cause])[-1]).split())


def _split(change: Change) -> list[Change]:
    """Remove the foreign keys from a new or a dropped table, and return them as separate changes."""
    is_new = isinstance(change.operation, ops.CreateTableOp)
    table = change.operation if is_new else change.undo[:1] and change.undo[0]
    if not isinstance(table, ops.CreateTableOp):
        return []
    keys = [each for each in table.columns if isinstance(each, sa.ForeignKeyConstraint)]
    # `not in` cannot be used here, because `==` of columns returns an SQL expression.
    table.columns = [c for c in table.columns if not isinstance(c, sa.ForeignKeyConstraint)]
    for column in (each for key in keys for each in key.columns):
        column.autoincrement = False  # Without its foreign key, the column would be a SERIAL.
    created = [ops.CreateForeignKeyOp.from_constraint(key) for key in keys]
    if is_new:
        return [Change(Concurrently(key), [key.reverse()], change.phase) for key in created]
    dropped = [Change(key.reverse(), [Concurrently(key)], change.phase) for key in created]
    change.after = [*change.after, *(each.operation for each in dropped)]  # the table goes last
    return dropped
