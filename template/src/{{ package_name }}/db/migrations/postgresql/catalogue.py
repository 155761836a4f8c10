"""Questions to PostgreSQL's catalogue. Names of tables and indexes are quoted, with schema."""

from sqlalchemy import Connection, text


def is_described_by_models(connection: Connection, table: str, schema: str | None) -> bool:
    """Return whether a model can describe a table: no partition, and no part of an extension.

    Args:
        table: the name without quotes.
        schema: the schema, or None for the first one of the search path.
    """
    foreign = (
        "SELECT relispartition OR EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid "
        "AND classid = 'pg_class'::regclass AND deptype = 'e') FROM pg_class "
        "WHERE relname = :name AND relnamespace = to_regnamespace(coalesce(:schema, current_schema()))"
    )
    return not connection.scalar(text(foreign), {"name": table, "schema": schema})


def is_unfinished(connection: Connection, index: str) -> bool:
    """Return whether an index exists and its concurrent build failed."""
    query = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:index) AND NOT indisvalid"
    return connection.scalar(text(query), {"index": index}) is not None


def find_unfinished_indexes(connection: Connection) -> list[str]:
    """Return the names of all indexes whose concurrent build failed, or still runs.

    It leaves out the index of a partitioned table, which waits for the indexes of the partitions.
    """
    query = "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relkind = 'i' AND NOT indisvalid"
    return list(connection.scalars(text(query)))


def has_constraint(connection: Connection, table: str, constraint: str) -> bool:
    """Return whether a table has a constraint with this name."""
    query = "SELECT 1 FROM pg_constraint WHERE conname = :name AND conrelid = to_regclass(:table)"
    return bool(connection.scalar(text(query), {"table": table, "name": _as_stored(constraint)}))


def is_not_null(connection: Connection, table: str, column: str) -> bool:
    """Return whether a column exists and is NOT NULL."""
    query = "SELECT attnotnull FROM pg_attribute WHERE (attrelid, attname) = (to_regclass(:table), :name)"
    return bool(connection.scalar(text(query), {"table": table, "name": _as_stored(column)}))


def _as_stored(name: str) -> str:
    """Return a name as the server cuts it. The driver refuses a longer one."""
    return name.encode()[:63].decode(errors="ignore")
