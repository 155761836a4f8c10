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
        # Drops go where the last of them was and creates where the first was, so that they stay
        # behind what frees a table, and before what needs it.
        upgrade, downgrade = script.upgrade_ops.ops, script.downgrade_ops.ops
        drops = [each for each in upgrade if isinstance(each, DropTableOp)]
        if not drops or not creates:
            continue
        last = max(upgrade.index(each) for each in drops)
        drops.sort(key=lambda each: position[_full_name(each)], reverse=True)
        before = [each for each in upgrade[:last] if not isinstance(each, DropTableOp)]
        upgrade[:] = [*before, *drops, *upgrade[last + 1 :]]
        first = min(downgrade.index(each) for each in creates.values())
        after = [each for each in downgrade[first:] if not isinstance(each, CreateTableOp)]
        ordered = sorted(creates.values(), key=lambda each: position[_full_name(each)])
        downgrade[:] = [*downgrade[:first], *ordered, *after]


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
