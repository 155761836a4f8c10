"""What a new revision has to do so that the triggers are those which the models ask for.

`db/migrations/authoring/plugins.py` names this plugin. It compares with the server's catalogue
and writes statements, not operations of its own: the revision then runs without this directory, so
the option can be switched off again.
"""

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
    """Register the comparison; Alembic calls it."""
    plugin.add_autogenerate_comparator(
        _compare,
        "schema",
        "audit",
        qualifier="postgresql",
        priority=DispatchPriority.LAST,  # with the tables' own changes there already
    )


class Execute(MigrateOperation):
    """Statements, those that take them back, and the phase of the revision that they belong to."""

    def __init__(
        self, statements: Sequence[str], undo: Sequence[str], phase: str = "expand"
    ) -> None:
        self.statements = statements
        self.undo = undo
        self.phase = phase

    def reverse(self) -> "Execute":
        """The same for the downgrade."""
        return Execute(self.undo, self.statements, self.phase)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What `alembic check` says."""
        return ("execute", *self.statements)


@renderers.dispatch_for(Execute)
def _render(_: AutogenContext, operation: Execute) -> list[str]:
    return [
        # As SQL is read, unless Python would read something else.
        f"op.execute({statement!r})"
        if "\\" in statement or '"""' in statement
        else f'op.execute("""\n{statement}\n""")'
        for statement in operation.statements
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
            "models are Audited, but there is no log: add an AuditEntry to the models, "
            "as db/audit/__init__.py says"
        )
    sql = Statements(connection.dialect, audit.log)
    function = _find_function(connection, sql.function)
    found = _find_triggers(connection, sql.function)
    wanted = {
        sql.name(table): trigger_arguments(table, excluded)
        for table, excluded in audit.tables.items()
    }

    # What the code that runs now does is to be in the log until it has ended.
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
    elif function.source.split() != sql.body.split():  # a revision indents it
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
    """The function as it is now, where it is there."""
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
    """The tables with a trigger that calls the function, and its arguments."""
    rows = connection.execute(
        text(
            "SELECT place.nspname, relname, tgargs FROM pg_trigger "
            "JOIN pg_class AS audited ON audited.oid = tgrelid "
            "JOIN pg_namespace AS place ON place.oid = relnamespace "
            "JOIN pg_proc AS function ON function.oid = tgfoid "
            "JOIN pg_namespace AS schema ON schema.oid = pronamespace "
            "WHERE schema.nspname = :schema AND proname = :name "
            "AND tgparentid = 0"  # a partition has the trigger from its parent
        ),
        function._asdict(),
    )
    # Each argument ends with a zero byte.
    return {
        Name(schema, table): bytes(arguments).decode().split("\0")[:-1]
        for schema, table, arguments in rows
    }
