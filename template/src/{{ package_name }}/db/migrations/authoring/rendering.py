"""Write our operations as Python code of a revision."""

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations import ops

from ..operations import BackfillOp, Concurrently, ReplaceIndex, SetNotNull


@renderers.dispatch_for(Concurrently)
def _render_concurrently(context: AutogenContext, operation: Concurrently) -> str:
    [plain] = render_op(context, operation.plain)
    name, _, arguments = plain.partition("(")
    return f"{name}_concurrently({arguments}"


@renderers.dispatch_for(ReplaceIndex)
def _render_replacement(context: AutogenContext, operation: ReplaceIndex) -> str:
    plain = ops.CreateIndexOp.from_index(operation.to_index())
    return render_op(context, plain)[0].replace("create_index(", "replace_index_concurrently(", 1)


@renderers.dispatch_for(SetNotNull)
def _render_not_null(_: AutogenContext, operation: SetNotNull) -> str:
    return _call("set_not_null_concurrently", operation)


@renderers.dispatch_for(BackfillOp)
def _render_backfill(_: AutogenContext, operation: BackfillOp) -> str:
    return _call("backfill", operation, operation.expression)


def _call(name: str, operation: SetNotNull | BackfillOp, *more: str) -> str:
    arguments = ", ".join(map(repr, (operation.table_name, operation.column_name, *more)))
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    return f"op.{name}({arguments}{schema})"
