"""The functions that Alembic calls while it compares, and before it writes files."""

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from alembic import context
from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import MetaData, func, select

from ..dialect import dialect
from .ordering import order_drops
from .planner import Planner
from .plugins import load_plugins
from .rendering import render_item
from .revisions import write
from .statements import say_not_compared


def options(metadata: MetaData) -> dict[str, Any]:
    """Return the options of Alembic's `context.configure` for comparing and writing.

    Args:
        metadata: the metadata of all models.
    """
    schemas = {table.schema for table in metadata.tables.values()} | {None}  # None means `public`.
    return {
        "include_schemas": True,
        "include_name": partial(_is_described_by_models, schemas),
        "include_object": _is_table,
        "compare_type": False,  # `comparison` does it.
        "compare_server_default": True,
        "render_item": render_item,
        "autogenerate_plugins": [
            "alembic.autogenerate.*",
            "alembic.ext.checkconstraint_byname",
            *load_plugins(),
        ],
        "process_revision_directives": _plan,
    }


def _is_described_by_models(
    schemas: Collection[str | None], name: str | None, kind: str, parents: Mapping[Any, str | None]
) -> bool:
    """Return whether models can describe an object: no other schema, partition or extension."""
    if kind == "schema":
        return name in schemas
    if kind != "table" or name is None:
        return True
    return dialect.is_described_by_models(context.get_bind(), name, parents.get("schema_name"))


def _is_table(item: Any, name: str | None, kind: str, reflected: bool, there: Any) -> bool:
    """Return whether a revision may create what a model describes: no view and no partition."""
    if kind != "table" or reflected or there is not None:
        return True
    place = context.get_context().dialect.identifier_preparer.format_table(item)
    other = item.is_view or context.get_bind().scalar(select(func.to_regclass(place).is_not(None)))
    if other:
        say_not_compared(item.fullname, "a view or a partition")
    return not other


def _plan(
    migration: MigrationContext,
    _: str | Iterable[str | None] | Iterable[str],
    directives: list[ops.MigrationScript],
) -> None:
    """Replace the operations of autogenerate by the planned ones.

    Raises:
        CommandError: there is nothing to do, or a change is refused.
    """
    [script] = directives
    assert script.upgrade_ops is not None
    command = getattr(context.config.cmd_opts, "cmd", None)
    if script.message is None and not (command and command[0].__name__ == "revision"):
        return  # `alembic check` needs only the differences.
    if script.upgrade_ops.is_empty():
        raise CommandError(
            "the models and the database agree, so there is no revision to write. "
            "Import new models in models/__init__.py, or write a revision by hand: "
            "`alembic revision --message MESSAGE`"
        )
    found = list(_flatten(script.upgrade_ops))
    planner = Planner(found, migration)
    for operation in order_drops(found):
        planner.add(operation)
    if planner.refused:
        raise CommandError("\n".join(planner.refused))
    directives[:] = write(script, planner.changes)


def _flatten(container: ops.OpContainer) -> Iterable[MigrateOperation]:
    for each in container.ops:
        if isinstance(each, ops.ModifyTableOps):
            yield from _flatten(each)
        else:
            if isinstance(each, ops.CreateTableOp):
                each.info = {}  # It may hold what has no form in Python code.
            if isinstance(each, ops.CreateIndexOp):
                each.kw.pop(f"{dialect.NAME}_concurrently", None)  # The planner decides.
            yield each
