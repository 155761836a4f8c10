"""SQL that a change needs, and the sentence about parts that nobody compares."""

from typing import Any

from alembic import context
from alembic.operations import ops

from .rendering import escape


class Statement(ops.ExecuteSQLOp):
    """SQL for a revision. Without the SQL that takes it back, a person must write it."""

    def __init__(self, sql: Any, undo: Any = None, remedy: str = "") -> None:
        super().__init__(escape(str(sql)))
        self.sql, self.undo, self.remedy = sql, undo, remedy

    def reverse(self) -> "Statement":
        """Return the operation that takes this one back."""
        return Statement(self.undo, self.sql)

    def refusal(self) -> str:
        """Return the sentence for a person."""
        return self.remedy or (
            "a change is found that is not written. Write its SQL in a revision by hand, with "
            "`uv run alembic revision --message MESSAGE`, and apply that one first:\n"
            f"    op.execute({self.sqltext!r})"
        )


def say_not_compared(name: str, *parts: str) -> None:
    """Say that the models have something which autogenerate cannot compare, if there is any."""
    if parts:
        context.config.print_stdout("not compared: %s: %s", name, ", ".join(parts))
