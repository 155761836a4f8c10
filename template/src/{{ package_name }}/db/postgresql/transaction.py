"""The options and settings of a PostgreSQL transaction."""

from collections.abc import Mapping

from sqlalchemy import Select, func, select

READ_ONLY: Mapping[str, object] = {"postgresql_readonly": True}
"""Execution options of a connection whose transactions are read-only. The driver puts them into its
BEGIN, so they cost no round trip."""


def set_local(settings: Mapping[str, str]) -> Select[*tuple[str, ...]]:
    """Return one statement that applies settings until the transaction ends.

    `set_config(name, value, is_local => true)` takes bound parameters, which SET LOCAL does not.
    """
    return select(*(func.set_config(name, value, True) for name, value in settings.items()))
