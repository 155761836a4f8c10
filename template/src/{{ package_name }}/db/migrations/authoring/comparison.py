"""Compare tables as the server describes them.

PostgreSQL stores each expression in its own form, and the text of a model can differ from it. So this
file creates a temporary table as the models describe it. Then it compares the server's descriptions of
the temporary table and of the real table. Alembic itself compares only names, columns of keys and
indexes, foreign keys and NULL.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, sqla_compat
from sqlalchemy import Constraint, DefaultClause, FetchedValue, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import NullType

from ...errors import Error
from ..operations import SQLType
from . import prerequisites
from .definitions import Definitions, Part, describe
from .replacements import name_of
from .statements import Statement, say_not_compared

_IDENTITY = "ALTER {name} SET NOT NULL, ALTER {name} ADD {words}"

# A person must execute these statements, because no operation changes these parts: DROP, then ADD.
_BY_HAND = {
    "p": ("DROP CONSTRAINT {old}", "ADD CONSTRAINT {new} {words}"),
    "x": ("DROP CONSTRAINT {name}", "ADD CONSTRAINT {name} {words}"),
    "identity": ("ALTER {name} DROP IDENTITY", _IDENTITY),
    "serial": ("ALTER {name} DROP DEFAULT", "ALTER {name} SET DEFAULT {words}"),
    "generated": ("DROP COLUMN {name}", "ADD COLUMN {name} {words}"),
}
_COUNT = "SELECT setval(pg_get_serial_sequence('{table}', '{name}'), max({column})) FROM {table}"
_COUNTED = (
    "{name}: in a new database this column has a sequence, but here it has no sequence. If the code "
    "gives the value, write mapped_column(autoincrement=False)"
)
_OTHER_SEQUENCE = (
    "{name}: in a new database this column has its own sequence, but here it has another default. "
    "Write mapped_column(server_default=text({words!r}))"
)


def setup(plugin: Plugin) -> None:
    """Register the comparisons. They run after Alembic's own comparisons. Alembic calls this."""
    last = DispatchPriority.LAST
    plugin.add_autogenerate_comparator(_compare, "table", "definitions", priority=last)
    plugin.add_autogenerate_comparator(prerequisites.compare, "schema", "missing", priority=last)


def _compare(context: Any, changes: ops.ModifyTableOps, *tables: Any) -> PriorityDispatchResult:
    schema, name, there, wanted = tables
    if there is not None:
        place = _quoted(context, name, schema or context.dialect.default_schema_name)
        theirs = describe(context.connection, place)
        for column in there.c:
            if isinstance(column.type, NullType):  # SQLAlchemy does not know the type.
                column.type = SQLType(theirs["type", column.name])
        if wanted is not None:
            changes.ops = [*_find_more(context, changes.ops, there, wanted, theirs)]
    return PriorityDispatchResult.CONTINUE


def _find_more(
    context: Any, known: list[Any], there: Table, wanted: Table, theirs: Definitions
) -> Iterator[ops.MigrateOperation]:
    """Yield the changes, also those that Alembic does not see.

    The server's words decide about what both sides have by one name. Alembic would compare `a || 'x'`
    with `(a || 'x'::text)`, and always find a difference.
    """
    ours = _describe_model(context, wanted, {})
    before, after = _named(context, there), _named(context, wanted)
    columns = {each.name: (each, there.c[each.name]) for each in wanted.c if each.name in there.c}
    types = {
        name: there.c[name].type
        for kind, name in _changed(ours, theirs)
        if kind == "type" and name in columns
    }
    if types:  # A type also changes the other descriptions. So compare those with the old types.
        rest = _describe_model(context, wanted, types)
        kept = [{part: each[part] for part in each if part[0] == "type"} for each in (ours, theirs)]
        ours, theirs = (rest | kept[0], theirs) if rest else kept
    whole = {name for kind, name in ours.keys() & theirs.keys() if kind in ("c", "u", "index")}
    whole &= before.keys() & after.keys()
    yield from (each for each in known if name_of(each) not in whole)
    for kind, name in _changed(ours, theirs):
        if kind in ("p", "x") or (kind in _BY_HAND and name in columns):
            yield from _write_by_hand(context, there, wanted, (kind, name), ours, theirs)
        elif kind in ("type", "default") and name in columns:
            yield _alter(kind, there, *columns[name])
        elif kind in ("c", "u", "index") and name in whole:
            yield from _replace(before[name], after[name])


def _changed(ours: Definitions, theirs: Definitions) -> list[Part]:
    """Return the parts that differ, or an empty list if the models could not be compared."""
    parts = sorted(ours.keys() | theirs.keys()) if ours else []
    return [part for part in parts if ours.get(part) != theirs.get(part)]


def _alter(kind: str, there: Table, new: Any, old: Any) -> ops.AlterColumnOp:
    change = ops.AlterColumnOp(there.name, old.name, schema=there.schema, existing_type=old.type)
    if kind == "type":
        change.modify_type = new.type
    # A new type also makes another default: `'a'::varchar::text`.
    if kind == "default" or isinstance(new.server_default, DefaultClause):
        change.existing_server_default = old.server_default
        change.modify_server_default = new.server_default
    return change


def _write_by_hand(
    context: Any, there: Table, wanted: Table, part: Part, ours: Definitions, theirs: Definitions
) -> Iterator[Statement]:
    """Yield the statements that a person must write."""
    kind, name = part
    drop, add = _BY_HAND[kind]
    if kind == "generated" and part not in ours:
        drop = "ALTER {name} DROP EXPRESSION"  # The column keeps its values.
    # A plain column that becomes a generated one must go, too.
    line = ", ".join([drop] * (part in theirs or kind == "generated") + [add] * (part in ours))
    keys = {"old": there.primary_key.name, "new": wanted.primary_key.name, "name": name}
    names = {key: _quoted(context, str(each)) for key, each in keys.items()}
    table = _quoted(context, there.name, there.schema)
    remedy = ""
    if kind == "serial" and part in ours:
        words = theirs.get(("default", name))
        remedy = (_OTHER_SEQUENCE if words else _COUNTED).format(
            name=f"{wanted.fullname}.{name}", words=words
        )
    yield Statement(
        f"ALTER TABLE {table} {line.format(**names, words=ours.get(part))}", remedy=remedy
    )
    if kind == "identity" and part in ours:
        yield Statement(_COUNT.format(table=table, name=name, column=names["name"]))


def _replace(old: Any, new: Any) -> list[ops.MigrateOperation]:
    if isinstance(new, Constraint):
        return [ops.DropConstraintOp.from_constraint(old), ops.AddConstraintOp.from_constraint(new)]
    return [ops.DropIndexOp.from_index(old), ops.CreateIndexOp.from_index(new)]


def _named(context: Any, table: Any) -> dict[Any, Any]:
    """Return the indexes and constraints by their names in the database."""
    final = sqla_compat._get_constraint_final_name
    return {final(each, context.dialect): each for each in (*table.indexes, *table.constraints)}


def _describe_model(context: Any, table: Any, types: Mapping[str, Any]) -> Definitions:
    """Return the server's description of a table of the models, but with these types."""
    conventions = MetaData(naming_convention=table.metadata.naming_convention)
    copy = table.to_metadata(conventions, schema=None)
    copy._prefixes = ["TEMPORARY"]
    for column in copy.c:  # The copy keeps the schema of a type.
        column.type = types.get(column.name, table.c[column.key].type)
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
        matches = [f"MATCH of {each.name}" for each in table.foreign_key_constraints if each.match]
        say_not_compared(table.fullname, *values, *matches, *table.dialect_kwargs)


def _quoted(context: Any, name: str, schema: str | None = None) -> str:
    quote = context.dialect.identifier_preparer.quote
    return f"{quote(schema)}.{quote(name)}" if schema else str(quote(name))
