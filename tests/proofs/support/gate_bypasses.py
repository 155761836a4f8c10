"""Revisions that the gate once accepted, and the ways to write one statement so that it looks harmless."""

from tests.proofs.support.unsafe_revisions import Form

BYPASSES = {
    "an index as Alembic's manual builds it": Form(
        "with op.get_context().autocommit_block():\n"
        '        op.create_index("ix", "users", ["bio"], postgresql_concurrently=True,'
        " if_not_exists=True)",
        "interrupted-index",
        "write op.create_index_concurrently() or op.drop_index_concurrently()",
    ),
    "an index as Alembic's manual drops it": Form(
        "with op.get_context().autocommit_block():\n"
        '        op.drop_index("ix", "users", postgresql_concurrently=True, if_exists=True)',
        "interrupted-index",
        "write op.create_index_concurrently() or op.drop_index_concurrently()",
    ),
    "an index built concurrently behind an operation that waits": Form(
        'op.create_index_concurrently("ix_1", "users", ["bio"])\n'
        "    with op.get_context().autocommit_block():\n"
        '        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_2 ON users (bio)")',
        "interrupted-index",
        "op.create_index_concurrently()",
    ),
    "an index of an old table that is created if it does not exist": Form(
        'op.create_table("users", sa.Column("id", sa.Uuid()), if_not_exists=True)\n'
        '    op.create_index("ix_users_bio", "users", ["bio"])',
        "require-concurrent-index-creation",
        "ON users",
    ),
    "an index of an old table that SQL creates if it does not exist": Form(
        'op.execute("create  table\\nif not exists public . users (id int)")\n'
        '    op.execute("CREATE INDEX ix ON public.users (bio)")',
        "require-concurrent-index-creation",
        "ON public.users",
    ),
    "an index of an old table whose name begins like that of a new one": Form(
        'op.execute("CREATE TABLE users$1 (id int)")\n'
        '    op.execute("CREATE INDEX ix ON users (bio)")',
        "require-concurrent-index-creation",
        "ON users",
    ),
    "an index of an old table beside a new one in another schema": Form(
        'op.execute("CREATE TABLE audit.users (id int)")\n'
        '    op.execute("CREATE INDEX ix ON users (bio)")',
        "require-concurrent-index-creation",
        "ON users",
    ),
    "a table that a text creates": Form(
        "op.execute(\"SELECT '\\nCREATE TABLE users (id int)'\")\n"
        '    op.execute("CREATE INDEX ix ON users (bio)")',
        "require-concurrent-index-creation",
        "ON users",
    ),
    "an index of one table only": Form(
        'op.execute("CREATE INDEX ix ON ONLY users (bio)")',
        "require-concurrent-index-creation",
        "ON ONLY users",
    ),
    "a column with its own unique constraint": Form(
        'op.execute("ALTER TABLE users ADD COLUMN nick text UNIQUE")',
        "constraint-missing-not-valid",
        "or the same for CHECK and UNIQUE",
    ),
    "a column that is the primary key": Form(
        'op.execute("ALTER TABLE users ADD COLUMN nick int PRIMARY KEY")',
        "constraint-missing-not-valid",
        "or the same for CHECK and UNIQUE",
    ),
    "an identity on a column that is there": Form(
        'op.alter_column("users", "credits", server_default=sa.Identity())',
        "ban-alter-identity",
        "write sa.Identity(start=…) with a number that no row has reached",
    ),
    "an identity column": Form(
        'op.add_column("users", sa.Column("n", sa.BigInteger(), sa.Identity()))',
        "adding-field-with-default",
        "or a plain column and op.backfill(); if the server generates it, the latter and a trigger",
    ),
    "another type beside a wider one": Form(
        'op.alter_column("users", "bio", existing_type=sa.String(9), type_=sa.String(10))\n'
        '    op.execute("ALTER TABLE users ALTER COLUMN bio TYPE int")',
        "changing-column-type",
        "TYPE int",
    ),
    "an update in a block of another language": Form(
        "op.execute(\"do\\nlanguage plpgsql 'begin update users set bio = 1; end'\")",
        "opaque-block",
        "write its statements as operations",
    ),
    "an update in a function that is called": Form(
        "op.execute(\"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'UPDATE users SET bio = 1'\")\n"
        '    op.execute("SELECT public.f ()")',
        "opaque-block",
        "(SELECT public.f ())",
    ),
    "an update behind another statement": Form(
        'op.execute("SELECT 1; UPDATE users SET bio = 1; SELECT 1")',
        "data-change",
        "(UPDATE users SET bio = 1)",
    ),
    "an update with the words of a backfill": Form(
        'op.execute("-- All rows in one statement; without --sql, Alembic does it in batches\\n'
        'UPDATE users SET bio = 1")',
        "data-change",
        "write op.backfill()",
    ),
    "an update with the name of Alembic's table": Form(
        "op.execute(\"UPDATE users SET bio = 'alembic_version' /* alembic_version */\")",
        "data-change",
        "write op.backfill()",
    ),
}

# The ways that a refusal names.
ADVICE = {
    "an index of a partitioned table": (
        'op.create_index_concurrently("ix_1", "logs_1", ["at"])\n'
        '    op.execute("CREATE INDEX IF NOT EXISTS ix ON ONLY logs (at)")\n'
        '    op.execute("ALTER INDEX ix ATTACH PARTITION ix_1")'
    ),
    "a unique constraint of a partitioned table": (
        'op.create_unique_constraint_concurrently("uq_1", "logs_1", ["at"])\n'
        '    op.execute("ALTER TABLE ONLY logs ADD CONSTRAINT uq UNIQUE (at)")\n'
        '    op.execute("ALTER INDEX uq ATTACH PARTITION uq_1")'
    ),
    "the convention's name of a constraint": (
        'op.execute("ALTER TABLE orders RENAME CONSTRAINT a TO b")'
    ),
    "an identity that begins above all rows": (
        'op.alter_column("users", "credits", server_default=sa.Identity(start=5000))'
    ),
}

# Statements that must not pass, and the rules that find them.
STATEMENTS = {
    "UPDATE users SET bio = 1": "data-change",
    "UPDATE ONLY public . users * AS u SET bio = 1": "data-change",
    "WITH u AS ( UPDATE users SET bio = 1 RETURNING id ) SELECT 1 FROM u": "data-change",
    "DELETE FROM users": "data-change",
    "MERGE INTO users USING posts ON true WHEN MATCHED THEN DO NOTHING": "data-change",
    "INSERT INTO posts SELECT id FROM users": "data-change",
    "INSERT INTO posts TABLE users": "data-change",
    "LOCK TABLE users": "table-locked",
    "TRUNCATE users": "table-locked",
    "VACUUM ( FULL ) users": "table-locked",
    "REINDEX TABLE users": "table-locked",
    "REFRESH MATERIALIZED VIEW totals": "table-locked",
    "ALTER TABLE users SET UNLOGGED": "table-locked",
    "ALTER TABLE users ADD n bigserial": "table-locked",
    "DROP OWNED BY somebody": "table-locked",
    "ALTER TABLE users DISABLE ROW LEVEL SECURITY": "row-security-dropped",
    "ALTER TABLE users NO FORCE ROW LEVEL SECURITY": "row-security-dropped",
    "DROP POLICY mine ON users": "row-security-dropped",
    "DO $$ BEGIN DROP TABLE users ; END $$": "opaque-block",
    "CALL f ( )": "opaque-block",
    "CREATE INDEX CONCURRENTLY i ON users ( bio )": "interrupted-index",
    "DROP INDEX CONCURRENTLY i": "interrupted-index",
    "CREATE INDEX i ON users ( bio )": "require-concurrent-index-creation",
    "DROP INDEX i": "require-concurrent-index-deletion",
    "ALTER TABLE users DROP COLUMN bio": "ban-drop-column",
    "DROP TABLE users": "ban-drop-table",
    "DROP SCHEMA public CASCADE": "ban-drop-schema",
    "ALTER TABLE users ADD CHECK ( true )": "constraint-missing-not-valid",
    "ALTER TABLE users ADD COLUMN n int UNIQUE": "constraint-missing-not-valid",
    "ALTER TABLE users ALTER COLUMN bio TYPE int": "changing-column-type",
    "ALTER TABLE users RENAME COLUMN bio TO about": "renaming-column",
}

# What may be between two words of a statement.
SPACES = {
    "a space": " ",
    "white space": "\n\t  \f",
    "a comment": "/**/",
    "a comment to the end of the line": "-- ;\n",
    "a comment in a comment": "/* /* */ ' */",
    "comments in comments": '/* /*/* ; */*/ " */',
    "a comment for squawk": " -- squawk-ignore-file\n",
    "a comment that appears after one replacement": " -- squawk-squawk-ignoreignore-file\n",
}

# What may surround a statement.
PLACES = {
    "alone": "{};",
    "without an end": "{}",
    "behind a statement": "SELECT 1;{};",
    "behind a text": "SELECT ';' AS \"'\", E'\\\\\\'; --';{};",
    "between names with dollars": "SELECT 1 AS a$b$;{}; SELECT 1 AS c$b$;",
    "behind a body": "SELECT $x$ ' $$ ; -- $x$;{};",
    "behind the words of a backfill": "-- All rows in one statement\n{};",
    "beside the name of Alembic's table": "/* alembic_version */{}/* alembic_version */;",
}

CASES = {"upper": str.upper, "lower": str.lower, "mixed": str.swapcase}
