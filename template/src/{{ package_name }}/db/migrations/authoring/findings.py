"""What the planner asks about all changes together: is a table new, does a constraint return?"""

from collections.abc import Iterable, Sequence
from typing import Any

from alembic.operations import MigrateOperation, ops

Table = tuple[str | None, str]
"""The schema and the name of a table."""


class Findings:
    """The changes that autogenerate found."""

    def __init__(self, found: Sequence[MigrateOperation]) -> None:
        self.new_tables = {table_of(each) for each in found if isinstance(each, ops.CreateTableOp)}
        self.old_tables = {table_of(each) for each in found if isinstance(each, ops.DropTableOp)}
        self._new_columns = {
            (table_of(each), each.column.name)
            for each in found
            if isinstance(each, ops.AddColumnOp)
        }
        self._dropped = {_index(each): each for each in found if isinstance(each, ops.DropIndexOp)}
        self._created = {_index(each) for each in found if isinstance(each, ops.CreateIndexOp)}
        keys = {_constraint(each) for each in found if isinstance(each, ops.CreateForeignKeyOp)}
        self._replaced = {
            _constraint(each): each
            for each in found
            if isinstance(each, ops.DropConstraintOp) and _constraint(each) in keys
        }

    def new_columns(self, operation: MigrateOperation) -> list[str]:
        """Return the names of the columns that an operation's table gets."""
        return [name for table, name in self._new_columns if table == table_of(operation)]

    def are_new(self, operation: MigrateOperation, columns: Iterable[Any]) -> bool:
        """Whether all of these columns are new in a table that is there already."""
        names = {getattr(each, "name", each) for each in columns}
        return names.issubset(self.new_columns(operation))

    def dropped_index(self, new: ops.CreateIndexOp) -> ops.DropIndexOp | None:
        """Return how the index is dropped that a new one replaces."""
        return self._dropped.get(_index(new))

    def is_replaced(self, old: ops.DropIndexOp) -> bool:
        """Whether a new index has the name of a dropped one."""
        return _index(old) in self._created

    def dropped_foreign_key(
        self, operation: ops.AddConstraintOp | ops.DropConstraintOp
    ) -> ops.DropConstraintOp | None:
        """Return how the foreign key is dropped that is created again with other options."""
        return self._replaced.get(_constraint(operation))


def table_of(operation: Any) -> Table:
    """Return which table an operation changes."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return operation.kw.get("source_schema"), operation.source_table
    return getattr(operation, "schema", None), getattr(operation, "table_name", "")


def _index(operation: ops.CreateIndexOp | ops.DropIndexOp) -> tuple[str | None, str]:
    return operation.schema, str(operation.index_name)


def _constraint(operation: Any) -> tuple[Table, str]:
    return table_of(operation), str(operation.constraint_name)
