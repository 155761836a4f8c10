"""The timeouts of a migration. PostgreSQL keeps them for the session."""

from collections.abc import Callable, Mapping
from typing import Any

TIMEOUTS = ("lock_timeout", "statement_timeout")


def set_timeouts(execute: Callable[[str], Any], values: Mapping[str, str | None]) -> None:
    """Set timeouts until the session ends.

    Args:
        execute: executes a statement, or writes it into a script.
        values: values by the names of the timeouts, with units: `{"lock_timeout": "500ms"}`. "0"
            means no timeout, and None means the value with which the connection began.
    """
    for name, value in values.items():
        execute(f"RESET {name}" if value is None else f"SET {name} = '{value}'")
