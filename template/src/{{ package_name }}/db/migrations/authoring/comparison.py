"""Compare tables by the server's words, and not by Alembic's guess.

PostgreSQL stores each text in its own words. So this file creates a temporary table as the models
describe it, reads the server's words for it, and compares them with the words for the real table.
What Alembic finds on its own is dropped if the words are the same. Changes that Alembic misses are added.
"""

from collections.abc import Iterator
from typing import Any

from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, sqla_compat
from sqlalchemy import Constraint, FetchedValue, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import NullType

from ...errors import Error
from ..operations import SQLType
from . import prerequisites
from .definitions import Definitions, describe
from .statements import Statement, say_not_compared

# What a person must execute for parts that no operation changes: to drop them, and to add them.
_BY_HAND = {
    "p": ("DROP CONSTRAINT {old}", "ADD CONSTRAINT {new} {words}"),
    "x": ("DROP CONSTRAINT {name}", "ADD CONSTRAINT {name} {words}"),
    "identity": ("ALTER {name} DROP IDENTITY", "ALTER {name} ADD {words}"),
    "serial": ("ALTER {name} DROP DEFAULT", "ALTER {name} SET DEFAULT {words}"),
    "generated": ("DROP COLUMN {name}", "ADD COLUMN {name} {words}"),
}
_COUNT = "SELECT setval(pg_get_serial_sequence('{table}', '{name}'), max({column})) FROM {table}"
_COUNTED = (
    "{name}: it is a SERIAL in a new database, and in this one nothing counts it. If the code gives "
    "the value, write mapped_column(autoincrement=False)"
)


def setup(plugin: Plugin) -> None:
    """Register the comparisons. They run after Alembic's own. Alembic calls this."""
    last = DispatchPriority.LAST
    plugin.add_autogenerate_comparator(_compare, "table", "definitions", priority=last)
    plugin.add_autogenerate_comparator(prerequisites.compare, "schema", "missing", priority=last)


def _compare(context: Any, changes: ops.ModifyTableOps, *tables: Any) -> PriorityDispatchResult:
    schema, name, there, wanted = tables
    if there is not None:
        place = _quoted(context, name, schema or context.dialect.default_schema_name)
        theirs = describe(context.connection, place)
        for column in there.c:
            if isinstance(column.type, NullType):  # SQLAlchemy does not know it.
                column.type = SQLType(theirs["type", column.name])
        if wanted is not None:
            words = _describe_model(context, wanted), theirs
            found = [each for each in changes.ops if _is_change(each, *words)]
            changes.ops[:] = [*found, *_find_more(context, found, there, wanted, words)]
    return PriorityDispatchResult.CONTINUE


def _is_change(operation: ops.MigrateOperation, ours: Definitions, theirs: Definitions) -> bool:
    """Return whether an operation changes more than the spelling of a default."""
    if not isinstance(operation, ops.AlterColumnOp):
        return True
    changed = {kind for kind, name in _changed(ours, theirs) if name == operation.column_name}
    # The server's words for a default change with the type.
    if "default" not in changed or changed & {"type", *_BY_HAND}:
        operation.modify_server_default = False
    return operation.has_changes()


def _changed(ours: Definitions, theirs: Definitions) -> list[tuple[str, str]]:
    """Return what differs, or nothing if the models could not be compared."""
    parts = sorted(ours.keys() | theirs.keys()) if ours else []
    return [part for part in parts if ours.get(part) != theirs.get(part)]


def _find_more(
    context: Any, known: list[Any], there: Table, wanted: Table, words: tuple[Definitions, ...]
) -> Iterator[ops.MigrateOperation]:
    """Yield the changes that Alembic does not see."""
    columns = {column.name: column for column in wanted.c if column.name in there.c}
    changed = _changed(*words)
    retyped = [name for kind, name in changed if kind == "type" and name in columns]
    for name in retyped:
        options: Any = {"existing_type": there.c[name].type, "schema": there.schema}
        yield ops.AlterColumnOp(there.name, name, modify_type=columns[name].type, **options)
    for kind, name in changed:
        if kind in ("p", "x") or (kind in _BY_HAND and name in columns):
            yield _write_by_hand(context, there, wanted, (kind, name), words)
            if kind == "identity" and words[0].get((kind, name)):
                table, column = _quoted(context, there.name, there.schema), _quoted(context, name)
                yield Statement(_COUNT.format(table=table, name=name, column=column))
    done = {getattr(each, "index_name", getattr(each, "constraint_name", "")) for each in known}
    before, after = _named(context, there), _named(context, wanted)
    for kind, name in changed:
        # If the type of a column changes, the server's words for other parts change too.
        if (
            kind in ("c", "u", "index")
            and name in before.keys() & after.keys() - done
            and not retyped
        ):
            yield from _replace(before[name], after[name])


def _write_by_hand(
    context: Any,
    there: Table,
    wanted: Table,
    part: tuple[str, str],
    words: tuple[Definitions, ...],
) -> Statement:
    """Return the statement that a person must write."""
    ours, theirs = (each.get(part) for each in words)
    drop, add = _BY_HAND[part[0]]
    if part[0] == "generated" and not ours:
        drop = "ALTER {name} DROP EXPRESSION"  # The column keeps its values.
    line = ", ".join([*([drop] if theirs else []), *([add] if ours else [])])
    keys = {"old": there.primary_key.name, "new": wanted.primary_key.name, "name": part[1]}
    names = {key: _quoted(context, str(each)) for key, each in keys.items()}
    table = _quoted(context, there.name, there.schema)
    remedy = (
        _COUNTED.format(name=f"{wanted.fullname}.{part[1]}") if part[0] == "serial" and ours else ""
    )
    return Statement(f"ALTER TABLE {table} {line.format(**names, words=ours)}", remedy=remedy)


def _replace(old: Any, new: Any) -> list[ops.MigrateOperation]:
    if isinstance(new, Constraint):
        return [ops.DropConstraintOp.from_constraint(old), ops.AddConstraintOp.from_constraint(new)]
    return [ops.DropIndexOp.from_index(old), ops.CreateIndexOp.from_index(new)]


def _named(context: Any, table: Any) -> dict[Any, Any]:
    """Return the indexes and constraints by the names that they have in the database."""
    final = sqla_compat._get_constraint_final_name
    return {final(each, context.dialect): each for each in (*table.indexes, *table.constraints)}


def _describe_model(context: Any, table: Any) -> Definitions:
    """Return the server's words for a table as the models describe it."""
    conventions = MetaData(naming_convention=table.metadata.naming_convention)
    copy = table.to_metadata(conventions, schema=None)
    copy._prefixes = ["TEMPORARY"]
    for column in copy.c:
        column.type = table.c[column.key].type  # It stays in its own schema.
    temporary = context.connection.begin_nested()
    try:
        for each in prerequisites.find_missing(context, [table]):
            context.connection.execute(text(str(each.sqltext)))
        context.connection.execute(CreateTable(copy, include_foreign_key_constraints=[]))
        for index in copy.indexes:
            index.dialect_options["postgresql"]["concurrently"] = False
            context.connection.execute(CreateIndex(index))
        return describe(context.connection, _quoted(context, table.name, "pg_temp"))
    except (Error, DBAPIError) as error:
        say_not_compared(table.fullname, str(error.__cause__ or error))
        return {}
    finally:
        temporary.rollback()
        values = [each.name for each in table.c if type(each.server_default) is FetchedValue]
        say_not_compared(table.fullname, *values, *table.dialect_kwargs)


def _quoted(context: Any, name: str, schema: str | None = None) -> str:
    quote = context.dialect.identifier_preparer.quote
    return f"{quote(schema)}.{quote(name)}" if schema else str(quote(name))
