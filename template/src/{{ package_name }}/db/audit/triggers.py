"""The function that writes the log and the triggers that call it, in PostgreSQL's language.

A revision has these statements as they were when it was written, so it runs the same for ever. When
the function changes here, the next revision replaces it.

`MetaData.create_all` makes them too; `drop_all` leaves the function behind.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, MetaData, Table, text

TRIGGER = "audit"
FUNCTION = "write_audit_log"

# SECURITY DEFINER: it writes as its owner, so that nobody else needs to be able to. Its search path
# has no schema in which others could put a function of the same name; hence the log's full name.
# Loops where they can be: in PL/pgSQL they take half as long as a query for each row.
BODY = """
DECLARE
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
    row_key jsonb := '{}';
    column_name text;
BEGIN
    IF before = after THEN
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
        WHERE was.value <> after -> was.key;
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
    """A table's or a function's name with its schema."""

    schema: str
    name: str


@dataclass
class Audit:
    """What the models of a metadata say: their log, and the audited tables with what is excluded."""

    log: Table | None = None
    tables: dict[Table, set[str]] = field(default_factory=dict)


def audit_of(metadata: MetaData) -> Audit:
    """What the models of this metadata say."""
    # Not in Table.info, which Alembic would write into a revision.
    audit: Audit = metadata.info.setdefault("audit", Audit())
    return audit


class Statements:
    """The statements for a log, by the names that they have on a server.

    Args:
        dialect: one that has been connected, so that it knows the default schema.
        log: the log's table; None where there is none any more.
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
        """Where the server has a table."""
        return Name(table.schema or self._default_schema, table.name)

    def create_function(self) -> tuple[str, ...]:
        """Make or replace the function."""
        function = self._quoted(self.function)
        return (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql\n"
            f"SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $${self.body}$$",
            self.revoke_function(),
        )

    def revoke_function(self) -> str:
        """Take from everybody else the right to make triggers of it, by which they could forge."""
        return f"REVOKE ALL ON FUNCTION {self._quoted(self.function)}() FROM PUBLIC"

    def drop_function(self) -> str:
        """Remove the function, which no trigger may call any more."""
        return f"DROP FUNCTION {self._quoted(self.function)}()"

    def create_trigger(self, table: Name, arguments: Sequence[str]) -> str:
        """Make or replace a table's trigger; the arguments are those of `trigger_arguments`."""
        literals = ", ".join("'" + each.replace("'", "''") + "'" for each in arguments)
        return (
            f"CREATE OR REPLACE TRIGGER {TRIGGER}\n"
            f"AFTER INSERT OR UPDATE OR DELETE ON {self._quoted(table)}\n"
            f"FOR EACH ROW EXECUTE FUNCTION {self._quoted(self.function)}({literals})"
        )

    def drop_trigger(self, table: Name) -> str:
        """Remove a table's trigger."""
        return f"DROP TRIGGER {TRIGGER} ON {self._quoted(table)}"

    def _quoted(self, name: Name) -> str:
        return f"{self._quote(name.schema)}.{self._quote(name.name)}"


def trigger_arguments(table: Table, excluded: Collection[str]) -> list[str]:
    """The columns of the key and those that are left out, each as an array of PostgreSQL's."""
    # Within such an array a quoted name looks as in JSON.
    return [
        "{" + ",".join(json.dumps(name, ensure_ascii=False) for name in names) + "}"
        for names in ([column.name for column in table.primary_key], sorted(excluded))
    ]


def create_triggers(
    metadata: MetaData, connection: Connection, *, tables: Collection[Table], **_: Any
) -> None:
    """Make the function and the triggers behind `create_all`; a listener to "after_create"."""
    audit = audit_of(metadata)
    sql = Statements(connection.dialect, audit.log)
    statements = list(sql.create_function()) if audit.log in tables else []
    statements += [
        sql.create_trigger(sql.name(table), trigger_arguments(table, excluded))
        for table, excluded in audit.tables.items()
        if table in tables
    ]
    for statement in statements:
        connection.execute(text(statement))
