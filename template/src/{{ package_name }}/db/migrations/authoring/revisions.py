"""Turn the planned changes into scripts for Alembic's files: one for each phase, if possible."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import NamedTuple

from alembic import context
from alembic.operations import MigrateOperation, ops
from alembic.util import rev_id

from ..operations import BackfillOp, Concurrently, ReplaceIndex, SetNotNull
from ..phases import Phase


class Change(NamedTuple):
    """An operation, and the operations that take it back."""

    operation: MigrateOperation
    undo: Sequence[MigrateOperation]


def write(
    script: ops.MigrationScript, changes: Mapping[Phase, list[Change]]
) -> list[ops.MigrationScript]:
    """Return a script for each phase that has something to do."""
    phases = context.config.attributes.setdefault("phases", {})  # `script.py.mako` reads it.
    scripts: list[ops.MigrationScript] = []
    for phase, planned in changes.items():
        for part in _parts(planned):
            new = _copy(script, part)
            if scripts:
                new.message = f"{script.message}, {phase}" if script.message else None
                new.rev_id, new.head = rev_id(), str(scripts[-1].rev_id)
                new.splice, new.branch_label, new.depends_on = None, None, None
            phases[new.rev_id] = phase
            scripts.append(new)
    return scripts


def _copy(script: ops.MigrationScript, changes: list[Change]) -> ops.MigrationScript:
    """Return a script like this one that makes only these changes."""
    assert script.upgrade_ops is not None
    assert script.downgrade_ops is not None
    new = copy(script)
    new.imports = set(script.imports)
    up = [change.operation for change in changes]
    down = [undo for change in reversed(changes) for undo in change.undo]
    new.upgrade_ops = ops.UpgradeOps(up, upgrade_token=script.upgrade_ops.upgrade_token)
    new.downgrade_ops = ops.DowngradeOps(down, downgrade_token=script.downgrade_ops.downgrade_token)
    return new


def _parts(changes: list[Change]) -> list[list[Change]]:
    """Divide the changes of a phase into revisions, each of which can be run again."""
    ours = (Concurrently, ReplaceIndex, SetNotNull, BackfillOp)
    if not changes:
        return []
    if not any(isinstance(change.operation, ours) for change in changes):
        return [changes]  # They share one transaction.
    alone = [change for change in changes if not _can_be_repeated(change, ours)]
    rest = [change for change in changes if change not in alone]
    return [part for part in (alone, rest) if part]


_IF_NOT_EXISTS = (ops.CreateTableOp, ops.AddColumnOp, ops.CreateIndexOp)
_IF_EXISTS = (ops.DropTableOp, ops.DropColumnOp, ops.DropIndexOp, ops.DropConstraintOp)


def _can_be_repeated(change: Change, ours: tuple[type[MigrateOperation], ...]) -> bool:
    for each in (change.operation, *change.undo):
        if isinstance(each, ours):
            continue
        if isinstance(each, _IF_NOT_EXISTS):
            each.if_not_exists = True
        elif isinstance(each, _IF_EXISTS):
            each.if_exists = True
        elif not isinstance(each, ops.AlterColumnOp):
            return False
    return True
