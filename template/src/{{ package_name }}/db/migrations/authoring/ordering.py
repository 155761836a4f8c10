"""The order in which tables are dropped together.

Autogenerate sorts new tables by their foreign keys. It does not sort dropped tables: their order
differs from run to run. Here a table is dropped before the tables that it refers to.
"""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from alembic.operations import MigrateOperation
from alembic.operations.ops import DropTableOp
from alembic.util import CommandError
from sqlalchemy import Table


def order_drops(operations: Sequence[MigrateOperation]) -> list[MigrateOperation]:
    """Return the operations. The dropped tables come last, and in order.

    Raises:
        CommandError: the tables refer to each other in a circle.
    """
    drops = {each.to_table(): each for each in operations if isinstance(each, DropTableOp)}
    names = {_full_name(table): each for table, each in drops.items()}
    order = TopologicalSorter({_full_name(table): _referred(table) for table in drops})
    try:
        ordered = [names[name] for name in order.static_order() if name in names]
    except CycleError as error:
        raise CommandError(
            f"dropped tables refer to each other ({', '.join(error.args[1])}): drop one of their "
            "foreign keys in an earlier revision"
        ) from error
    return [*(each for each in operations if not isinstance(each, DropTableOp)), *ordered[::-1]]


def _full_name(table: Table) -> str:
    return f"{table.schema}.{table.name}" if table.schema else table.name


def _referred(table: Table) -> set[str]:
    """Return the other tables that this one has foreign keys to."""
    keys = {
        key.target_fullname.rpartition(".")[0]
        for constraint in table.foreign_key_constraints
        for key in constraint.elements
    }
    return keys - {_full_name(table)}
