"""The descriptions that PostgreSQL gives of a table.

The server stores `random()::text` as `(random())::text`. So the text of a model cannot be compared with
the text in the database. But the server can describe both, and these descriptions can be compared.
"""

from sqlalchemy import Connection, text

Part = tuple[str, str]
"""The kind and the name of a part of a table.

The kinds are `type`, `default`, `serial`, `identity`, `generated`, `index`, and the letter of a
constraint in `pg_constraint`. A primary key has no name here, because its name in an adopted database can
differ.
"""

Definitions = dict[Part, str]
"""The description of each part of a table."""

_CONSTRAINTS = """
    SELECT contype::text, CASE contype WHEN 'p' THEN '' ELSE conname END,
        replace(pg_get_constraintdef(oid), ' NOT VALID', '')
    FROM pg_constraint WHERE conrelid = to_regclass(:table) AND contype IN ('c', 'p', 'u', 'x')
"""
_INDEXES = """
    SELECT 'index', relname, regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .*? USING ', ' ')
    FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = to_regclass(:table)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
"""
_TYPES = """
    SELECT 'type', attname, concat_ws(' COLLATE ', format_type(atttypid, atttypmod),
        CASE WHEN attcollation <> typcollation THEN attcollation::regcollation::text END)
    FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
    WHERE attrelid = to_regclass(:table) AND attnum > 0
"""
_VALUES = """
    SELECT CASE WHEN attidentity <> '' THEN 'identity' WHEN attgenerated <> '' THEN 'generated'
            WHEN seqrelid IS NULL THEN 'default' ELSE 'serial' END, attname,
        CASE WHEN attidentity <> '' THEN format('GENERATED %s AS IDENTITY (%s)',
                CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
                format('START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s%s',
                seqstart, seqincrement, seqmin, seqmax, seqcache, CASE WHEN seqcycle THEN ' CYCLE' END))
            WHEN attgenerated <> '' THEN format('%s GENERATED ALWAYS AS (%s) %s',
                format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid),
                CASE attgenerated WHEN 's' THEN 'STORED' END)
            WHEN seqrelid IS NULL THEN pg_get_expr(adbin, adrelid) END
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    LEFT JOIN pg_sequence ON seqrelid = pg_get_serial_sequence(:table, attname)::regclass
    WHERE attrelid = to_regclass(:table) AND NOT attisdropped AND (attidentity <> '' OR atthasdef)
"""


def describe(connection: Connection, table: str) -> Definitions:
    """Return the server's descriptions of a table. Its name is quoted, with schema."""
    query = text(f"{_CONSTRAINTS} UNION ALL {_INDEXES} UNION ALL {_TYPES} UNION ALL {_VALUES}")
    rows = connection.execute(query, {"table": table})
    return {(str(kind), str(name)): str(words) for kind, name, words in rows}
