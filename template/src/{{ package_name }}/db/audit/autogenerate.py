"""What a new revision must do, so that the database has the triggers that the models need.

`db/migrations/authoring/plugins.py` names this plugin. It compares the models with the catalogue of the
server. It writes plain statements into the revision, and no operations: so old revisions also run after
the option was switched off, and this directory is gone.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import CommandError, DispatchPriority, PriorityDispatchResult
from sqlalchemy import Connection, MetaData, text

from .triggers import Name, Statements, audit_of, trigger_arguments


def setup(plugin: Plugin) -> None:
    """Register the comparison. Alembic calls this."""
    plugin.add_autogenerate_comparator(
        _compare,
        "schema",
        "audit",
        qualifier="postgresql",
        priority=DispatchPriority.LAST,  # after the changes of the tables
    )


class Execute(MigrateOperation):
    """Statements, the statements that take them back, and the phase of their revision."""

    def __init__(
        self, statements: Sequence[str], undo: Sequence[str], phase: str = "expand"
    ) -> None:
        self.statements = statements
        self.undo = undo
        self.phase = phase

    def reverse(self) -> "Execute":
        """Return the operation for the downgrade."""
        return Execute(self.undo, self.statements, self.phase)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("execute", *self.statements)


@renderers.dispatch_for(Execute)
def _render(_: AutogenContext, operation: Execute) -> list[str]:
    # `text()` would read `:name` as a parameter. The name of a column may have it.
    escaped = [re.sub(r"(?<!:):(?=\w)", r"\\:", each) for each in operation.statements]
    return [
        # In several lines, like other SQL, unless Python would read a backslash or quotes in it.
        f"op.execute({each!r})"
        if "\\" in each or '"""' in each
        else f'op.execute("""\n{each}\n""")'
        for each in escaped
    ]


def _compare(
    context: AutogenContext, upgrade: UpgradeOps, _: set[str | None]
) -> PriorityDispatchResult:
    connection, metadata = context.connection, context.metadata
    assert connection is not None
    assert isinstance(metadata, MetaData)
    audit = audit_of(metadata)
    if audit.tables and audit.log is None:
        raise CommandError(
            "models are Audited, but no model is the log: add a subclass of AuditEntry to the models, "
            "as db/audit/__init__.py describes"
        )
    sql = Statements(connection.dialect, audit.log)
    function = _find_function(connection, sql.function)
    found = _find_triggers(connection, sql.function)
    wanted = {
        sql.name(table): trigger_arguments(table, excluded)
        for table, excluded in audit.tables.items()
    }

    # Triggers are dropped in the contract phase, so the log has the changes of the old code too.
    first: list[MigrateOperation] = [
        Execute([sql.drop_trigger(table)], [sql.create_trigger(table, found[table])], "contract")
        for table in sorted(found.keys() - wanted.keys())
    ]
    last: list[MigrateOperation] = []
    if audit.log is None:
        if function is not None:
            again = [function.definition, sql.revoke_function()]
            first.append(Execute([sql.drop_function()], again, "contract"))
    elif function is None:
        last.append(Execute(sql.create_function(), [sql.drop_function()]))
    elif function.source.split() != sql.body.split():  # a revision indents the source
        last.append(Execute(sql.create_function(), [function.definition]))
    for table, arguments in sorted(wanted.items()):
        before = found.get(table)
        if before != arguments:
            create = sql.create_trigger(table, arguments)
            undo = sql.create_trigger(table, before) if before else sql.drop_trigger(table)
            last.append(Execute([create], [undo]))
    upgrade.ops[:] = [*first, *upgrade.ops, *last]
    return PriorityDispatchResult.CONTINUE


class _Function(NamedTuple):
    source: str
    definition: str


def _find_function(connection: Connection, function: Name) -> _Function | None:
    """Return the function as the database has it, or None."""
    row = connection.execute(
        text(
            "SELECT prosrc, pg_get_functiondef(function.oid) FROM pg_proc AS function "
            "JOIN pg_namespace AS schema ON schema.oid = pronamespace "
            "WHERE nspname = :schema AND proname = :name"
        ),
        function._asdict(),
    ).one_or_none()
    return None if row is None else _Function(*row)


def _find_triggers(connection: Connection, function: Name) -> dict[Name, list[str]]:
    """Return the tables whose trigger calls the function, with its arguments."""
    rows = connection.execute(
        text(
            "SELECT place.nspname, relname, tgargs FROM pg_trigger "
            "JOIN pg_class AS audited ON audited.oid = tgrelid "
            "JOIN pg_namespace AS place ON place.oid = relnamespace "
            "JOIN pg_proc AS function ON function.oid = tgfoid "
            "JOIN pg_namespace AS schema ON schema.oid = pronamespace "
            "WHERE schema.nspname = :schema AND proname = :name "
            "AND tgparentid = 0"  # a partition gets the trigger from its parent
        ),
        function._asdict(),
    )
    # Each argument ends with a zero byte.
    return {
        Name(schema, table): bytes(arguments).decode().split("\0")[:-1]
        for schema, table, arguments in rows
    }
