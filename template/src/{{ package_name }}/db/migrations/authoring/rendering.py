"""Write operations as Python code of a revision."""

import re
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import render, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.operations import ops

from ..dialect import dialect
from ..operations import BackfillOp, Concurrently, ReplaceIndex, SetNotNull
from .types import in_database, is_python


class Implementation(PostgresqlImpl):
    """Alembic's implementation, with corrections for the SQL in a revision.

    A revision gives SQL to `text()`, which reads `:name` as a parameter. So a colon must be `\\:`.
    """

    __dialect__ = PostgresqlImpl.__dialect__

    def render_ddl_sql_expr(
        self, expr: Any, is_server_default: bool = False, is_index: bool = False, **more: Any
    ) -> str:
        """Return an expression as SQL for a revision."""
        sql = super().render_ddl_sql_expr(expr, is_server_default, is_index, **more)
        return sql if is_index else escape(sql)  # `literal_column()` of an index needs no `\:`.


def escape(sql: str) -> str:
    """Return SQL for `text()`: each colon becomes `\\:`, unless all of them belong to casts."""
    return sql.replace(":", r"\:") if ":" in sql.replace("::", "") else sql


def render_item(kind: str, item: Any, context: Any) -> Any:
    """Return a part of an operation as Python. Return False if Alembic writes it correctly."""
    if kind == "type":
        plain = in_database(item, context.dialect)
        if not is_python(plain, context.dialect):
            return f"op.sql_type({plain.compile(context.dialect)!r})"
        return plain is not item and render._repr_type(plain, context)
    if kind == "server_default" and type(item) is sa.FetchedValue:
        return ""  # A trigger gives the value, so there is no default.
    if kind == "server_default" and isinstance(getattr(item, "arg", None), str):
        return repr(item.arg)  # Alembic would remove quotes at both ends.
    if kind == "column" and isinstance(item.default, sa.Sequence):
        item = item._copy()
        item.default, item.autoincrement = None, False  # Otherwise the column would be a SERIAL.
        return render._render_column(item, context)
    return False


@renderers.dispatch_for(ops.AlterColumnOp, replace=True)
def _render_alteration(context: Any, operation: ops.AlterColumnOp) -> str:
    plain = render._alter_column(context, operation)
    before, after = operation.existing_type, operation.modify_type
    if before is None or after is None:
        return plain
    types = [each.compile(context.dialect) for each in (before, after)]
    column = context.dialect.identifier_preparer.quote(operation.column_name)
    using = f", {dialect.NAME}_using={f'{column}::{types[1]}'!r})"
    # A cast in USING would cut long values. Without it, PostgreSQL refuses them.
    has_one_kind = len({re.sub(r"\([\d, ]+\)", "", each) for each in types}) == 1
    return plain if has_one_kind or dialect.widens(*types) else f"{plain[:-1]}{using}"


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
