"""The SQL of a change, and the message about parts that are not compared."""

from typing import Any

from alembic import context
from alembic.operations import ops

from .rendering import escape


class Statement(ops.ExecuteSQLOp):
    """SQL for a revision. If it has no `undo`, a person must write it into a revision."""

    def __init__(self, sql: Any, undo: Any = None, remedy: str = "") -> None:
        super().__init__(escape(str(sql)))
        self.sql, self.undo, self.remedy = sql, undo, remedy

    def reverse(self) -> "Statement":
        """Return the operation that takes this one back."""
        return Statement(self.undo, self.sql)

    def refusal(self) -> str:
        """Return the message that tells a person what to write."""
        return self.remedy or (
            "autogenerate cannot write this change. Write its SQL in a revision by hand, with "
            "`uv run alembic revision --message MESSAGE`, and apply that one first. If it needs a new "
            "column, add the column there too:\n"
            f"    op.execute({self.sqltext!r})"
        )


def say_not_compared(name: str, *parts: str) -> None:
    """Print the parts of the models that autogenerate cannot compare. Without parts, print nothing."""
    if parts:
        context.config.print_stdout("not compared: %s: %s", name, ", ".join(parts))
