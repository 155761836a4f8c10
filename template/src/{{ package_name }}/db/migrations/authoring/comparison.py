"""Changes that autogenerate does not see, and some that it only thinks it sees.

It does not see what a CHECK says, nor the WHERE of an index; and it takes `random()::text` for another
default than `(random())::text`.

PostgreSQL keeps them in words of its own, so the texts of both sides cannot be compared. Here a table
is made as the models have it, a temporary one that is gone at once, and the server's words for it are
compared with those for the real one.
"""

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, sqla_compat
from sqlalchemy import CheckConstraint, Connection, Index, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from ...errors import Error


def setup(plugin: Plugin) -> None:
    """Register the comparison; Alembic calls it."""
    plugin.add_autogenerate_comparator(
        _compare,
        "table",
        "definitions",
        qualifier="postgresql",
        priority=DispatchPriority.LAST,  # what is new or gone is known by then
    )


def _compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    _: str,
    there: Table | None,
    wanted: Table | None,
) -> PriorityDispatchResult:
    if there is None or wanted is None:
        return PriorityDispatchResult.CONTINUE
    connection = context.connection
    assert connection is not None
    ours = _wanted(connection, wanted)
    theirs = _definitions(connection, wanted.name, schema or "public")
    known = {
        getattr(each, "index_name", getattr(each, "constraint_name", None)) for each in changes.ops
    }
    changes.ops[:] = [each for each in changes.ops if not _is_same_default(each, ours, theirs)]
    changed = {name for name in ours.keys() & theirs.keys() - known if ours[name] != theirs[name]}
    # With the type of a column, the server's words change by themselves.
    if changed and not any(getattr(each, "modify_type", None) for each in changes.ops):
        real = Table(wanted.name, MetaData(), schema=schema, autoload_with=connection)
        before, after = _named(context, real), _named(context, wanted)
        for name in sorted(changed):
            old, new = before.get(name), after.get(name)
            if isinstance(old, Index) and isinstance(new, Index):
                changes.ops += [ops.DropIndexOp.from_index(old), ops.CreateIndexOp.from_index(new)]
            elif isinstance(old, CheckConstraint) and isinstance(new, CheckConstraint):
                drop = ops.DropConstraintOp.from_constraint(old)
                changes.ops += [drop, ops.CreateCheckConstraintOp.from_constraint(new)]
    return PriorityDispatchResult.CONTINUE


def _is_same_default(
    operation: ops.MigrateOperation, ours: dict[str, str], theirs: dict[str, str]
) -> bool:
    """Whether all that an operation changes is how a default is written."""
    if not isinstance(operation, ops.AlterColumnOp) or operation.modify_server_default is False:
        return False
    name = f"{operation.column_name} DEFAULT"
    if name not in ours or ours[name] != theirs.get(name):
        return False
    operation.modify_server_default = False
    return not operation.has_changes()


def _named(context: AutogenContext, table: Table) -> dict[str, CheckConstraint | Index]:
    """Return the checks and indexes of a table by the names that they have in the database."""
    assert context.dialect is not None
    checks = [each for each in table.constraints if isinstance(each, CheckConstraint)]
    named = {sqla_compat._get_constraint_final_name(each, context.dialect): each for each in checks}
    return {name: each for name, each in named.items() if name} | {
        str(index.name): index for index in table.indexes
    }


def _wanted(connection: Connection, table: Table) -> dict[str, str]:
    """Return the server's words for a table as the models have it."""
    copy = table.to_metadata(
        MetaData(naming_convention=table.metadata.naming_convention), schema="pg_temp"
    )
    temporary = connection.begin_nested()
    try:
        connection.execute(CreateTable(copy, include_foreign_key_constraints=[]))
        for index in copy.indexes:
            connection.execute(CreateIndex(index))
        return _definitions(connection, table.name, "pg_temp")
    except (Error, DBAPIError):
        return {}  # it needs what the revision has yet to make, a type for example
    finally:
        temporary.rollback()


def _definitions(connection: Connection, table: str, schema: str) -> dict[str, str]:
    """Return how the server describes the checks, indexes and defaults of a table, by name."""
    preparer = connection.dialect.identifier_preparer
    place = {"place": f"{preparer.quote(schema)}.{preparer.quote(table)}"}
    checks = (
        "SELECT conname, replace(pg_get_constraintdef(oid), ' NOT VALID', '') FROM pg_constraint "
        "WHERE conrelid = to_regclass(:place) AND contype = 'c'"
    )
    indexes = (
        "SELECT relname, regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .* USING ', ' ') "
        "FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE indrelid = to_regclass(:place)"
    )
    defaults = (
        "SELECT attname || ' DEFAULT', pg_get_expr(adbin, adrelid) FROM pg_attrdef "
        "JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum "
        "WHERE adrelid = to_regclass(:place)"
    )
    return {
        str(name): str(definition)
        for query in (checks, indexes, defaults)
        for name, definition in connection.execute(text(query), place)
    }
