"""The options and settings of a PostgreSQL transaction, and what a failed COMMIT means."""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Executable, func, select

from ..errors import ConnectionFailure

IsolationLevel = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
"""PostgreSQL's levels. Its READ UNCOMMITTED is the same as READ COMMITTED, so it is left out."""

READ_ONLY: Mapping[str, object] = {"postgresql_readonly": True}
"""Execution options of a connection whose transactions are read-only. The driver puts them into its
BEGIN, so they cost no round trip."""


def set_local(settings: Mapping[str, str]) -> Executable:
    """Return one statement that applies settings until the transaction ends.

    `set_config(name, value, is_local => true)` takes bound parameters, which SET LOCAL does not.
    """
    return select(*(func.set_config(name, value, True) for name, value in settings.items()))


def may_have_committed(error: ConnectionFailure) -> bool:
    """Return whether the server may have committed although COMMIT failed with this error.

    If asyncpg noticed before that the connection was lost, it did not send COMMIT. Its error then has
    no SQLSTATE.
    """
    return error.sqlstate is not None
