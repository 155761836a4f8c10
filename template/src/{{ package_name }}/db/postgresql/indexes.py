"""Indexes of PostgreSQL, and names of the constraints that it makes by an index.

An index with a predicate, and a trigram index for a search (with the extension pg_trgm)::

    Index(None, "email", unique=True, postgresql_where=text("deleted_at IS NULL"))
    Index(
        None,
        func.lower(title).label("title"),
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops"},
    )
"""

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import ExcludeConstraint

NAMING_CONVENTION: dict[type, str] = {ExcludeConstraint: "ex_%(table_name)s_%(column_0_N_name)s"}
"""Names for kinds of constraints that other systems do not have."""


def index_options(index: Index) -> list[object]:
    """Return the method and the predicate of an index, as far as the model gives them."""
    options = index.dialect_options["postgresql"]
    method, predicate = options.get("using"), options.get("where")
    return [*([method] if method else []), *(["where", predicate] if predicate is not None else [])]
