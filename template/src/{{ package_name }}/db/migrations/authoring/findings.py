"""All changes that autogenerate found, and questions of the planner about them."""

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
        """Return the names of the columns that are added to the table of an operation."""
        return [name for table, name in self._new_columns if table == table_of(operation)]

    def are_new(self, operation: MigrateOperation, columns: Iterable[Any]) -> bool:
        """Return whether all of these columns are new in an existing table."""
        names = {getattr(each, "name", each) for each in columns}
        return names.issubset(self.new_columns(operation))

    def dropped_index(self, new: ops.CreateIndexOp) -> ops.DropIndexOp | None:
        """Return the operation that drops the index which a new one replaces."""
        return self._dropped.get(_index(new))

    def is_replaced(self, old: ops.DropIndexOp) -> bool:
        """Return whether a new index has the name of a dropped one."""
        return _index(old) in self._created

    def dropped_foreign_key(
        self, operation: ops.AddConstraintOp | ops.DropConstraintOp
    ) -> ops.DropConstraintOp | None:
        """Return the operation that drops a foreign key that is created again."""
        return self._replaced.get(_constraint(operation))


def table_of(operation: Any) -> Table:
    """Return the table that an operation changes."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return operation.kw.get("source_schema"), operation.source_table
    return getattr(operation, "schema", None), getattr(operation, "table_name", "")


def _index(operation: ops.CreateIndexOp | ops.DropIndexOp) -> tuple[str | None, str]:
    return operation.schema, str(operation.index_name)


def _constraint(operation: Any) -> tuple[Table, str]:
    return table_of(operation), str(operation.constraint_name)
