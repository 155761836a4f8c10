"""The objects that tables and columns need before they are created: schemas, types and sequences."""

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import Table, create_mock_engine, text
from sqlalchemy.schema import CreateSchema, CreateSequence, DropSchema, DropSequence

from .statements import Statement, say_not_compared
from .types import named_type

_LABELS = "SELECT enumlabel FROM pg_enum WHERE enumtypid = to_regtype(:name)"


def compare(context: Any, changes: ops.UpgradeOps, _: set[str | None]) -> PriorityDispatchResult:
    """Add the statements that create missing objects, and find new labels of enumerations."""
    changes.ops[:0] = find_missing(context, context.sorted_tables)
    for kind in _named_types(context, context.sorted_tables):
        changes.ops += _find_labels(context, kind, kind.compile(context.dialect))
    return PriorityDispatchResult.CONTINUE


def find_missing(context: Any, tables: Iterable[Table]) -> Iterator[Statement]:
    """Yield the statements that create the missing objects of these tables."""
    kinds, sequences = _named_types(context, tables), context.metadata._sequences.values()
    schemas = {each.schema for each in (*tables, *kinds, *sequences) if each.schema}
    ddl: list[Any] = []
    for schema in sorted(schemas.difference(context.inspector.get_schema_names())):
        ddl += [CreateSchema(schema, if_not_exists=True), DropSchema(schema)]
    engine = create_mock_engine(context.connection.engine.url, lambda each, *_: ddl.append(each))
    for kind in kinds:
        if not context.dialect.has_type(context.connection, kind.name, schema=kind.schema):
            kind.create(engine, checkfirst=False)
            kind.drop(engine, checkfirst=False)
    for each in sequences:
        if not context.inspector.has_sequence(each.name, each.schema):
            ddl += [CreateSequence(each), DropSequence(each)]
    sql = [each.compile(dialect=context.dialect) for each in ddl]
    return map(Statement, sql[::2], sql[1::2])


def _named_types(context: Any, tables: Iterable[Table]) -> list[Any]:
    kinds = [named_type(column.type, context.dialect) for table in tables for column in table.c]
    ours = {(kind.schema, kind.name): kind for kind in kinds if kind and kind.create_type}
    return list(ours.values())


def _find_labels(context: Any, kind: Any, name: str) -> Iterator[Statement]:
    """Yield the statements that add the new labels of an enumeration."""
    there = set(context.connection.scalars(text(_LABELS), {"name": name}))
    labels = getattr(kind, "enums", [])
    say_not_compared(name, *(there.difference(labels) if labels else ["the definition"]))
    for before, label in zip(["", *labels], labels, strict=False):
        if there and label not in there:
            new, old = (each.replace("'", "''") for each in (label, before))
            place = f" AFTER '{old}'" if old else ""
            yield Statement(f"ALTER TYPE {name} ADD VALUE '{new}'{place}")
