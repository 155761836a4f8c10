"""The policies of a tenant's table, as SQL.

A revision has a copy of these statements, so it always does the same. When the policies change here,
the next revision replaces them in the database. `MetaData.create_all` creates them too.

There is a policy for each command, and a restrictive one for all. A permissive policy FOR ALL would
decide what SELECT shows, although it was meant for another command. FORCE makes the policies hold for
the owner of the table.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Table, event

from .model import TENANT_COLUMN, Tenanted, has_tenant


class Policy(NamedTuple):
    """A policy: the rows that a command finds (`using`), and the rows that it may write (`check`)."""

    name: str
    command: str
    using: str | None
    check: str | None
    permissive: bool = True
    roles: tuple[str, ...] = ("public",)

    @property
    def kind(self) -> tuple[str, str, bool, bool, bool]:
        """What ALTER POLICY cannot change. The name comes first."""
        return (self.name, self.command, self.permissive, self.using is None, self.check is None)


class State(NamedTuple):
    """What row-level security does on a table."""

    enabled: bool
    forced: bool
    policies: frozenset[Policy]


OFF = State(False, False, frozenset())


def wanted_state(table: Table, dialect: Dialect) -> State:
    """Return the state for a tenant's table."""
    column = table.c[TENANT_COLUMN]
    kind = column.type.compile(dialect)
    # In a sub-select, the server reads the setting once for each statement, and not for each row. NULLIF: a
    # connection that had a tenant before answers with the empty string, and a new connection with NULL.
    setting = f"CAST(NULLIF(current_setting('app.tenant_id', true), '') AS {kind})"
    own = f"{dialect.identifier_preparer.quote(column.name)} = (SELECT {setting})"
    policies = (
        Policy("tenant_select", "SELECT", own, None),
        Policy("tenant_insert", "INSERT", None, own),
        Policy("tenant_update", "UPDATE", own, own),
        Policy("tenant_delete", "DELETE", own, None),
        # Others can only hide more: a policy by hand that shows more does not open the table.
        Policy("tenant_boundary", "ALL", own, own, permissive=False),
    )
    return State(True, True, frozenset(policies))


def statements(dialect: Dialect, table: str, before: State, after: State) -> list[str]:
    """Return the statements that make one state of another. A changed policy is never missing.

    Args:
        dialect: knows how to quote names.
        table: the name of the table, quoted and with its schema.
        before, after: the two states.
    """
    quote = dialect.identifier_preparer.quote
    old = {each.kind: each for each in before.policies}
    new = {each.kind: each for each in after.policies}
    found = [f"DROP POLICY {quote(kind[0])} ON {table}" for kind in sorted(old.keys() - new.keys())]
    for kind in sorted(new.keys()):
        if new[kind] != old.get(kind):
            found.append(_write(quote, table, "ALTER" if kind in old else "CREATE", new[kind]))
    words = (("DISABLE", "ENABLE"), ("NO FORCE", "FORCE"))
    switches = zip(before[:2], after[:2], words, strict=True)
    if changed := [f"{both[on]} ROW LEVEL SECURITY" for was, on, both in switches if was != on]:
        found.append(f"ALTER TABLE {table} {', '.join(changed)}")
    return found


def _write(quote: Callable[[str], str], table: str, verb: str, policy: Policy) -> str:
    lines = [f"{verb} POLICY {quote(policy.name)} ON {table}"]
    if verb == "CREATE":
        mode = "" if policy.permissive else "AS RESTRICTIVE "
        lines.append(f"{mode}FOR {policy.command}")
    roles = [each if each == "public" else quote(each) for each in policy.roles]
    lines.append(f"TO {', '.join(roles)}")
    if policy.using is not None:
        lines.append(f"USING ({policy.using})")
    if policy.check is not None:
        lines.append(f"WITH CHECK ({policy.check})")
    return "\n".join(lines)


def protect(connection: Connection, table: Table) -> None:
    """Give a new table its policies."""
    name = connection.dialect.identifier_preparer.format_table(table)
    wanted = wanted_state(table, connection.dialect)
    for statement in statements(connection.dialect, name, OFF, wanted):
        connection.exec_driver_sql(statement)


def _create_policies(_: object, connection: Connection, *, tables: Any, **__: Any) -> None:
    for table in filter(has_tenant, tables):
        protect(connection, table)


@event.listens_for(Tenanted, "instrument_class", propagate=True)
def _listen(_: object, model: Any) -> None:
    # Not for all tables: a revision also creates tables, and has its own copy of the policies.
    event.listen(model.__table__.metadata, "after_create", _create_policies)
