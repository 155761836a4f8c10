"""Alembic's hook between autogenerate and the files that it writes."""

from collections.abc import Iterable

from alembic import context
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError

from .ordering import order_drops
from .planner import Planner
from .revisions import write


def plan(
    migration: MigrationContext,
    _: str | Iterable[str | None] | Iterable[str],
    directives: list[ops.MigrationScript],
) -> None:
    """Replace what autogenerate found by what to do; Alembic's hook `process_revision_directives`.

    Raises:
        CommandError: there is nothing to do, or something that is refused.
    """
    [script] = directives
    assert script.upgrade_ops is not None
    command = getattr(context.config.cmd_opts, "cmd", None)
    if script.message is None and not (command and command[0].__name__ == "revision"):
        return  # `alembic check` only wants to know what differs
    if script.upgrade_ops.is_empty():
        raise CommandError(
            "the models and the database agree, so there is no revision to write; "
            "is a new model missing in models/__init__.py? "
            "One of your own: `alembic revision --message MESSAGE`"
        )
    found = list(_flat(script.upgrade_ops))
    planner = Planner(found, migration)
    for operation in order_drops(found):
        planner.add(operation)
    if planner.refused:
        raise CommandError("\n".join(planner.refused))
    directives[:] = write(script, planner.changes)


def _flat(container: ops.OpContainer) -> Iterable[MigrateOperation]:
    for each in container.ops:
        if isinstance(each, ops.ModifyTableOps):
            yield from _flat(each)
        else:
            yield each
