"""Turn the planned changes into scripts for Alembic's files: one for each phase, if possible."""

from collections.abc import Sequence
from copy import copy

from alembic import context
from alembic.operations import MigrateOperation, ops
from alembic.util import rev_id

from ..operations import BackfillOp, Concurrently, ReplaceIndex, SetNotNull
from .trial import Change

_COMMITTING = (Concurrently, ReplaceIndex, SetNotNull, BackfillOp)
_IF_NOT_EXISTS = (ops.CreateTableOp, ops.AddColumnOp, ops.CreateIndexOp)
_IF_EXISTS = (ops.DropTableOp, ops.DropColumnOp, ops.DropIndexOp, ops.DropConstraintOp)
_ANYHOW = (*_COMMITTING, ops.AlterColumnOp, ops.CreateTableCommentOp, ops.DropTableCommentOp)
_REPEATABLE = (*_IF_NOT_EXISTS, *_IF_EXISTS, *_ANYHOW)


def write(script: ops.MigrationScript, changes: Sequence[Change]) -> list[ops.MigrationScript]:
    """Return scripts that make these changes in this order. Say which values a person must write."""
    for each in (change.operation for change in changes):
        if isinstance(each, BackfillOp) and not each.expression:
            name = f"{each.table_name}.{each.column_name}"
            context.config.print_stdout("write the value of %s into op.backfill()", name)
    phases = context.config.attributes.setdefault("phases", {})  # `script.py.mako` reads it.
    scripts: list[ops.MigrationScript] = []
    for part in _parts(changes):
        new, phase = _copy(script, part), part[0].phase
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


def _parts(changes: Sequence[Change]) -> list[list[Change]]:
    """Divide the changes into revisions that can be run again.

    An operation that commits and an operation that cannot be repeated are not in the same revision.
    """
    parts: list[list[Change]] = []
    for change in changes:
        both = [*(parts[-1] if parts else []), change]
        fits = not _commit(both) or all(isinstance(each, _REPEATABLE) for each in _steps(both))
        if len(both) == 1 or both[0].phase != change.phase or not fits:
            parts.append([])
        parts[-1].append(change)
    for each in (step for part in parts if _commit(part) for step in _steps(part)):
        if isinstance(each, _IF_EXISTS):
            each.if_exists = True
        elif isinstance(each, _IF_NOT_EXISTS) and not isinstance(each, ReplaceIndex):
            each.if_not_exists = True
    return parts


def _steps(changes: list[Change]) -> list[MigrateOperation]:
    return [each for change in changes for each in (change.operation, *change.undo)]


def _commit(changes: list[Change]) -> bool:
    return any(isinstance(each, _COMMITTING) for each in _steps(changes))
