"""What SQLite is told when a transaction begins."""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Executable

from shop.db.errors import ConnectionFailure, UnitOfWorkError

IsolationLevel = Literal["SERIALIZABLE"]
"""There is only this one."""

READ_ONLY: Mapping[str, object] = {"sqlite_query_only": True}
"""Execution options of a connection whose transactions are read-only; `connect.py` reads them."""


def set_local(settings: Mapping[str, str]) -> Executable:
    """Refuse settings: SQLite has none that end with a transaction."""
    raise UnitOfWorkError(f"SQLite has no settings of a transaction: {', '.join(settings)}")


def may_have_committed(error: ConnectionFailure) -> bool:
    """Return False: there is no server that could have gone on alone."""
    return False
