"""Tables that are dropped together, in an order that PostgreSQL accepts.

Autogenerate sorts the tables that it creates by their foreign keys, but those that it drops come in
any order, another one each time. Here a table is dropped before those that it refers to, and the
downgrade creates them the other way round.
"""

from collections.abc import Iterable
from graphlib import TopologicalSorter

from alembic.operations.ops import CreateTableOp, DropTableOp, MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import ForeignKeyConstraint


def order_drops(
    context: MigrationContext,
    revision: str | Iterable[str | None] | Iterable[str],
    directives: list[MigrationScript],
) -> None:
    """Put the drops of each script in order; Alembic's hook `process_revision_directives`.

    Raises:
        graphlib.CycleError: dropped tables refer to each other in a circle. Drop one of the foreign
            keys in a revision before.
    """
    for script in directives:
        if script.upgrade_ops is None or script.downgrade_ops is None:
            continue
        creates = {
            _full_name(each): each
            for each in script.downgrade_ops.ops
            if isinstance(each, CreateTableOp)
        }
        order = TopologicalSorter({name: _referred(each) for name, each in creates.items()})
        position = {name: index for index, name in enumerate(order.static_order())}
        # Stable: what is neither a drop nor a create stays where it is, before or after them all.
        script.upgrade_ops.ops.sort(
            key=lambda each: (
                -position[_full_name(each)] if isinstance(each, DropTableOp) else -len(position)
            )
        )
        script.downgrade_ops.ops.sort(
            key=lambda each: (
                position[_full_name(each)] if isinstance(each, CreateTableOp) else len(position)
            )
        )


def _full_name(each: CreateTableOp | DropTableOp) -> str:
    return f"{each.schema}.{each.table_name}" if each.schema else each.table_name


def _referred(table: CreateTableOp) -> set[str]:
    """The tables that this one has foreign keys to, but for itself."""
    return {
        key.target_fullname.rpartition(".")[0]
        for constraint in table.columns
        if isinstance(constraint, ForeignKeyConstraint)
        for key in constraint.elements
    } - {_full_name(table)}
