"""The options and settings of a transaction of SQLite."""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Executable

from shop.db.errors import ConnectionFailure, UnitOfWorkError

IsolationLevel = Literal["SERIALIZABLE"]
"""The only isolation level."""

READ_ONLY: Mapping[str, object] = {"sqlite_query_only": True}
"""Execution options of a connection whose transactions are read-only. `connect.py` reads them."""


def set_local(settings: Mapping[str, str]) -> Executable:
    """Refuse settings, because SQLite has no settings that end with a transaction."""
    raise UnitOfWorkError(f"SQLite has no settings of a transaction: {', '.join(settings)}")


def may_have_committed(error: ConnectionFailure) -> bool:
    """Return False, because SQLite has no server that could commit after a lost connection."""
    return False
