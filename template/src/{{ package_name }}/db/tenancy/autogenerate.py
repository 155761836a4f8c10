"""What a new revision must do, so that tenants' tables have the policies that the models need.

`db/migrations/authoring/plugins.py` names this plugin. It compares the models with the catalogue of the
server. It writes plain SQL into the revision, and no operations.

New and changed policies are in the phase `expand`: so the code that relies on them starts later. They
are removed in the phase `contract`, after the old code has ended, and only if somebody allows it.
"""

from collections import defaultdict
from typing import Any

from alembic import context as alembic
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import CommandError, DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Connection, MetaData, Table, text

from .model import TENANT_COLUMN, has_tenant, problems
from .policies import OFF, Policy, State, protect, statements, wanted_state


def setup(plugin: Plugin) -> None:
    """Register the comparison. Alembic calls this."""
    priority = DispatchPriority.LAST  # after the changes of the tables
    plugin.add_autogenerate_comparator(
        _compare, "schema", "tenancy", qualifier="postgresql", priority=priority
    )


class ChangePolicies(MigrateOperation):
    """The statements that change a table's row-level security, and those that undo it."""

    def __init__(self, statements: list[str], undo: list[str], phase: str) -> None:
        self.statements, self.undo, self.phase = statements, undo, phase

    def reverse(self) -> "ChangePolicies":
        """Return the operation for the downgrade."""
        return ChangePolicies(self.undo, self.statements, self.phase)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("execute", *self.statements)


@renderers.dispatch_for(ChangePolicies)
def _render(_: AutogenContext, operation: ChangePolicies) -> list[str]:
    # `text()` would read `:name` as a parameter. A policy by hand may have it.
    escaped = [each.replace(":", r"\:") for each in operation.statements]
    return [
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
    if wrong := problems(metadata):
        raise CommandError("\n".join(wrong))
    found = _find_states(connection)
    for table in metadata.sorted_tables:
        schema = table.schema or connection.dialect.default_schema_name
        before = found.get((str(schema), table.name), OFF)
        after = _add_policies(connection, table, before) if has_tenant(table) else _remove(before)
        if before != after and not table.is_view:
            _refuse_removal(table, before, after)
            name = connection.dialect.identifier_preparer.format_table(table)
            do = statements(connection.dialect, name, before, after)
            undo = statements(connection.dialect, name, after, before)
            phase = "expand" if has_tenant(table) else "contract"
            upgrade.ops.append(ChangePolicies(do, undo, phase))
    return PriorityDispatchResult.CONTINUE


def _find_states(connection: Connection) -> dict[tuple[str, str], State]:
    """Return the tables that have row-level security or policies."""
    rows = connection.execute(
        text(
            "SELECT nspname, relname, relrowsecurity, relforcerowsecurity, policyname, cmd, qual,"
            " with_check, permissive = 'PERMISSIVE', roles "
            "FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "LEFT JOIN pg_policies ON (schemaname, tablename) = (nspname, relname) "
            "WHERE relrowsecurity OR relforcerowsecurity OR policyname IS NOT NULL"
        )
    )
    policies = defaultdict[tuple[str, str, bool, bool], set[Policy]](set)
    for schema, name, enabled, forced, policy, command, using, check, permissive, roles in rows:
        named = {Policy(policy, command, using, check, permissive, tuple(roles))} if policy else ()
        policies[schema, name, enabled, forced].update(named)
    return {
        (schema, name): State(enabled, forced, frozenset(each))
        for (schema, name, enabled, forced), each in policies.items()
    }


def _add_policies(connection: Connection, table: Table, before: State) -> State:
    """Return the state for a tenant's table. What the server has already is as it was read."""
    wanted, stored = wanted_state(table, connection.dialect), _as_stored(connection, table)
    read = {each.name: each for each in stored.policies}
    policies = {
        read[each.name] if read[each.name] in before.policies else each for each in wanted.policies
    }
    narrowing = {each for each in before.policies if not each.permissive and each.name not in read}
    return State(True, True, frozenset(policies | narrowing))


def _as_stored(connection: Connection, table: Table) -> State:
    """Return the state as the server writes expressions: create the policies, read, and roll back."""
    column = Column(TENANT_COLUMN, table.c[TENANT_COLUMN].type)
    probe = Table("a table with a tenant", MetaData(), column, prefixes=["TEMPORARY"])
    with connection.begin_nested() as savepoint:
        probe.create(connection)
        protect(connection, probe)
        found = _find_states(connection).items()
        [state] = [state for (_, name), state in found if name == probe.name]
        savepoint.rollback()
    return state


def _remove(before: State) -> State:
    """Return the state without the policies of tenants. A table may have others."""
    rest = frozenset(each for each in before.policies if not each.name.startswith("tenant_"))
    return before if rest == before.policies else State(bool(rest), bool(rest), rest)


def _refuse_removal(table: Table, before: State, after: State) -> None:
    removed = {each.name for each in before.policies} - {each.name for each in after.policies}
    if removed and f"allow={table.fullname}" not in alembic.get_x_argument():
        raise CommandError(
            f"{table.fullname} would lose the policies {', '.join(sorted(removed))}, which say who "
            f"sees its rows. To write it anyway: `just revision MESSAGE {table.fullname}`"
        )
