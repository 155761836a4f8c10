"""The timeouts of a migration's statements, which PostgreSQL keeps for a session."""

from collections.abc import Callable, Mapping
from typing import Any

TIMEOUTS = ("lock_timeout", "statement_timeout")


def set_timeouts(execute: Callable[[str], Any], values: Mapping[str, str | None]) -> None:
    """Set timeouts until the session ends.

    Args:
        execute: executes a statement, or writes it into a script.
        values: by the names of the timeouts, with units: `{"lock_timeout": "500ms"}`. "0" means
            none, and None means what the connection began with.
    """
    for name, value in values.items():
        execute(f"RESET {name}" if value is None else f"SET {name} = '{value}'")
