"""The function that writes the log, and the triggers that call it, as SQL.

A revision has a copy of these statements, so it always does the same. When the function changes here,
the next revision replaces it in the database.

`MetaData.create_all` creates the function and the triggers too. `drop_all` leaves the function.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, MetaData, Table

TRIGGER = "audit"
FUNCTION = "write_audit_log"

# SECURITY DEFINER: it writes with the rights of its owner, so other roles need no right on the log.
# Its search path has no schema in which others could create functions, so the log has its full
# name. It uses loops where possible, because in PL/pgSQL they take half the time of a query per
# row. `*=` compares rows byte by byte: jsonb does not tell 1.0 from 1.00, and json has no `=`.
BODY = """
DECLARE
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
    row_key jsonb := '{}';
    column_name text;
BEGIN
    IF OLD *= NEW THEN
        RETURN NULL;
    END IF;
    FOREACH column_name IN ARRAY TG_ARGV[0]::text[] LOOP
        row_key := row_key || jsonb_build_object(
            column_name, coalesce(before, after) -> column_name
        );
    END LOOP;
    before := before - TG_ARGV[1]::text[];
    after := after - TG_ARGV[1]::text[];
    IF TG_OP = 'UPDATE' THEN
        SELECT coalesce(jsonb_object_agg(was.key, was.value), '{}'),
            coalesce(jsonb_object_agg(was.key, after -> was.key), '{}')
        INTO before, after
        FROM jsonb_each(before) AS was
        WHERE was.value::text <> (after -> was.key)::text;
    END IF;
    INSERT INTO {log} (
        at, transaction_id, actor, db_user,
        table_schema, table_name, operation, key, old, new
    ) VALUES (
        now(), pg_current_xact_id()::text::bigint,
        nullif(current_setting('app.actor', true), ''), session_user,
        TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP), row_key, before, after
    );
    RETURN NULL;
END
"""


class Name(NamedTuple):
    """The name of a table or a function, with its schema."""

    schema: str
    name: str


@dataclass
class Audit:
    """What the models say: the table of the log, and the excluded columns of each audited table."""

    log: Table | None = None
    tables: dict[Table, set[str]] = field(default_factory=dict)


def audit_of(metadata: MetaData) -> Audit:
    """Return what the models of this metadata say."""
    # It is not in Table.info, because Alembic would write that into a revision.
    audit: Audit = metadata.info.setdefault("audit", Audit())
    return audit


class Statements:
    """The statements for a log, with the names that a server has.

    Args:
        dialect: a dialect that has connected, so that it knows the default schema.
        log: the table of the log, or None if the models have no log.
    """

    def __init__(self, dialect: Dialect, log: Table | None) -> None:
        self._quote = dialect.identifier_preparer.quote
        self._default_schema = dialect.default_schema_name or "public"
        self.function = Name(self._default_schema, FUNCTION)
        self.body = ""
        if log is not None:
            self.function = Name(self.name(log).schema, FUNCTION)
            self.body = BODY.replace("{log}", self._quoted(self.name(log)))

    def name(self, table: Table) -> Name:
        """Return the name of a table, with its schema."""
        return Name(table.schema or self._default_schema, table.name)

    def create_function(self) -> tuple[str, ...]:
        """Return the statements that create or replace the function."""
        function = self._quoted(self.function)
        return (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql\n"
            f"SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $${self.body}$$",
            self.revoke_function(),
        )

    def revoke_function(self) -> str:
        """Return the statement that forbids other roles to write false entries by their triggers."""
        return f"REVOKE ALL ON FUNCTION {self._quoted(self.function)}() FROM PUBLIC"

    def drop_function(self) -> str:
        """Return the statement that drops the function. No trigger may call it then."""
        return f"DROP FUNCTION {self._quoted(self.function)}()"

    def create_trigger(self, table: Name, arguments: Sequence[str]) -> str:
        """Return the statement that creates or replaces the trigger of a table.

        Args:
            table: the name of the table.
            arguments: as `trigger_arguments` returns them.
        """
        literals = ", ".join("'" + each.replace("'", "''") + "'" for each in arguments)
        return (
            f"CREATE OR REPLACE TRIGGER {TRIGGER}\n"
            f"AFTER INSERT OR UPDATE OR DELETE ON {self._quoted(table)}\n"
            f"FOR EACH ROW EXECUTE FUNCTION {self._quoted(self.function)}({literals})"
        )

    def drop_trigger(self, table: Name) -> str:
        """Return the statement that drops the trigger of a table."""
        return f"DROP TRIGGER {TRIGGER} ON {self._quoted(table)}"

    def _quoted(self, name: Name) -> str:
        return f"{self._quote(name.schema)}.{self._quote(name.name)}"


def trigger_arguments(table: Table, excluded: Collection[str]) -> list[str]:
    """Return two arrays as PostgreSQL writes them: columns of the key, and excluded columns."""
    # In an array of PostgreSQL a quoted name looks like a string of JSON.
    return [
        "{" + ",".join(json.dumps(name, ensure_ascii=False) for name in names) + "}"
        for names in ([column.name for column in table.primary_key], sorted(excluded))
    ]


def create_triggers(
    metadata: MetaData, connection: Connection, *, tables: Collection[Table], **_: Any
) -> None:
    """Create the function and the triggers after `create_all`: a listener for "after_create"."""
    audit = audit_of(metadata)
    sql = Statements(connection.dialect, audit.log)
    statements = list(sql.create_function()) if audit.log in tables else []
    statements += [
        sql.create_trigger(sql.name(table), trigger_arguments(table, excluded))
        for table, excluded in audit.tables.items()
        if table in tables
    ]
    for statement in statements:
        connection.exec_driver_sql(statement)
