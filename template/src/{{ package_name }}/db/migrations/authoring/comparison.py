"""Find changes that Alembic does not see, and drop the false ones that it sees.

Alembic compares neither the text of a CHECK nor the WHERE of an index. For Alembic,
`random()::text` and `(random())::text` are two different defaults.

PostgreSQL stores such texts in its own words. So the text of a model cannot be compared with the
text in the database. This file creates a temporary table as the models describe it, reads the
server's words for it, and compares them with the words for the real table.
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
    """Register the comparison. Alembic calls this."""
    plugin.add_autogenerate_comparator(
        _compare,
        "table",
        "definitions",
        qualifier="postgresql",
        priority=DispatchPriority.LAST,  # It runs after Alembic's own comparisons.
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
    ours = _describe_model(connection, wanted)
    theirs = _describe(connection, wanted.name, schema or "public")
    known = {
        getattr(each, "index_name", getattr(each, "constraint_name", None)) for each in changes.ops
    }
    changes.ops[:] = [each for each in changes.ops if not _is_same_default(each, ours, theirs)]
    changed = {name for name in ours.keys() & theirs.keys() - known if ours[name] != theirs[name]}
    # If the type of a column changes, the server's words change too.
    if changed and not any(getattr(each, "modify_type", None) for each in changes.ops):
        real = Table(wanted.name, MetaData(), schema=schema, autoload_with=connection)
        before, after = _named(context, real), _named(context, wanted)
        for name in sorted(changed):
            changes.ops += _replace(before.get(name), after.get(name))
    return PriorityDispatchResult.CONTINUE


def _replace(
    old: CheckConstraint | Index | None, new: CheckConstraint | Index | None
) -> list[ops.MigrateOperation]:
    if isinstance(old, Index) and isinstance(new, Index):
        return [ops.DropIndexOp.from_index(old), ops.CreateIndexOp.from_index(new)]
    if isinstance(old, CheckConstraint) and isinstance(new, CheckConstraint):
        drop = ops.DropConstraintOp.from_constraint(old)
        return [drop, ops.CreateCheckConstraintOp.from_constraint(new)]
    return []  # Alembic itself compares defaults.


def _is_same_default(
    operation: ops.MigrateOperation, ours: dict[str, str], theirs: dict[str, str]
) -> bool:
    """Return whether an operation changes only the spelling of a default."""
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


def _describe_model(connection: Connection, table: Table) -> dict[str, str]:
    """Return the server's words for a table as the models describe it."""
    copy = table.to_metadata(
        MetaData(naming_convention=table.metadata.naming_convention), schema="pg_temp"
    )
    temporary = connection.begin_nested()
    try:
        connection.execute(CreateTable(copy, include_foreign_key_constraints=[]))
        for index in copy.indexes:
            connection.execute(CreateIndex(index))
        return _describe(connection, table.name, "pg_temp")
    except (Error, DBAPIError):
        return {}  # It needs something that the revision will create, for example a type.
    finally:
        temporary.rollback()


def _describe(connection: Connection, table: str, schema: str) -> dict[str, str]:
    """Return the server's words for the checks, indexes and defaults of a table.

    The keys are the names of the checks and indexes, and `column DEFAULT`.
    """
    quote = connection.dialect.identifier_preparer.quote
    place = {"table": f"{quote(schema)}.{quote(table)}"}
    checks = (
        "SELECT conname, replace(pg_get_constraintdef(oid), ' NOT VALID', '') FROM pg_constraint "
        "WHERE conrelid = to_regclass(:table) AND contype = 'c'"
    )
    indexes = (
        "SELECT relname, regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .* USING ', ' ') "
        "FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE indrelid = to_regclass(:table)"
    )
    defaults = (
        "SELECT attname || ' DEFAULT', pg_get_expr(adbin, adrelid) FROM pg_attrdef "
        "JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum "
        "WHERE adrelid = to_regclass(:table)"
    )
    return {
        str(name): str(definition)
        for query in (checks, indexes, defaults)
        for name, definition in connection.execute(text(query), place)
    }
