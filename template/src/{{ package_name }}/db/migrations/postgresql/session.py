"""The settings of a migration's session. PostgreSQL keeps them until the session ends."""

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


def secure_session(execute: Callable[[str], Any]) -> None:
    """Let a statement find the tables of the owner, and all their rows, until the session ends.

    If row-level security would hide rows, the server reports an error. Otherwise a backfill would leave
    these rows out, and nobody would notice.

    A schema of somebody else is taken out of the search path. The path usually begins with `"$user"`,
    the schema with the name of the role. A role that may create schemas could create that one, with
    an `alembic_version` or a `users` whose triggers run with the rights of the owner. So the schema
    counts only if it belongs to the role itself.

    Args:
        execute: executes a statement, or writes it into a script.
    """
    execute("SET row_security = off")
    execute(
        "SELECT set_config('search_path', regexp_replace(current_setting('search_path'), "
        "', *\"\\$user\"|\"\\$user\"(, *)?', ''), false) WHERE NOT EXISTS ("
        "SELECT FROM pg_namespace WHERE (nspname, pg_get_userbyid(nspowner)) = (current_user, current_user))"
    )
