"""Revisions written by hand. The gate must reject the unsafe ones with a message, and accept the others."""

from typing import NamedTuple

UNDO = 'op.execute("SELECT 1")'


class Form(NamedTuple):
    """A revision written by hand: its upgrade, and the rule and the message that reject it."""

    upgrade: str
    rule: str
    words: str
    phase: str = "expand"
    downgrade: str = UNDO
    more: str = ""


UNSAFE = {
    "an index": Form(
        'op.create_index("ix_users_bio", "users", ["bio"])',
        "require-concurrent-index-creation",
        "write op.create_index_concurrently() (CREATE INDEX ix_users_bio ON users (bio))",
    ),
    "an index in SQL": Form(
        'op.execute("create unique index on users (bio)")',
        "require-concurrent-index-creation",
        "write op.create_index_concurrently()",
    ),
    "an index of an old table beside a new one": Form(
        'op.create_table("tags", sa.Column("id", sa.Uuid(), primary_key=True))\n'
        '    op.create_index("ix_users_bio", "users", ["bio"])',
        "require-concurrent-index-creation",
        "ON users",
    ),
    "an index that is dropped": Form(
        'op.drop_index("ix_posts_author_id", "posts")',
        "require-concurrent-index-deletion",
        "write op.drop_index_concurrently()",
    ),
    "an index built concurrently in a transaction": Form(
        'op.create_index("ix", "users", ["bio"], postgresql_concurrently=True)',
        "interrupted-index",
        "write op.create_index_concurrently() or op.drop_index_concurrently()",
    ),
    "a foreign key": Form(
        'op.create_foreign_key("fk", "users", "posts", ["bio"], ["id"])',
        "constraint-missing-not-valid",
        "write op.create_foreign_key_concurrently(), or the same",
    ),
    "a column with a foreign key": Form(
        'op.add_column("users", sa.Column("post_id", sa.Uuid(), sa.ForeignKey("posts.id")))',
        "constraint-missing-not-valid",
        "write op.create_foreign_key_concurrently(), or the same",
    ),
    "a check": Form(
        'op.create_check_constraint("ck", "users", "bio IS NOT NULL")',
        "constraint-missing-not-valid",
        "or the same for CHECK and UNIQUE",
    ),
    "a unique constraint": Form(
        'op.create_unique_constraint("uq", "users", ["bio"])',
        "constraint-missing-not-valid",
        "or the same for CHECK and UNIQUE",
    ),
    "NOT NULL": Form(
        'op.alter_column("users", "bio", nullable=False)',
        "adding-not-nullable-field",
        "write op.set_not_null_concurrently(), in the phase contract (",
    ),
    "NOT NULL before the deploy": Form(
        'op.set_not_null_concurrently("users", "bio")', "too-early", "do it in the phase contract"
    ),
    "a column that the old code does not write": Form(
        'op.add_column("users", sa.Column("city", sa.Text(), nullable=False))',
        "adding-required-field",
        "write nullable=True; in the phase contract op.set_not_null_concurrently()",
    ),
    "a column whose default differs by row": Form(
        'op.add_column("users", sa.Column("salt", sa.Uuid(), server_default=sa.func.random()))',
        "adding-field-with-default",
        "write op.add_column_concurrently()",
    ),
    "a stored column": Form(
        'op.add_column("users", sa.Column("big", sa.Text(), sa.Computed("upper(bio)", persisted=True)))',
        "adding-field-with-default",
        "or a plain column and op.backfill(); if the server generates it, the latter and a trigger",
    ),
    "a stored column by an operation that fills rows": Form(
        'op.add_column_concurrently("users", sa.Column("big", sa.Text(), sa.Computed("upper(bio)")))',
        "not-sql",
        "big has no such default: add a plain column, op.backfill() and a trigger for new rows",
    ),
    "another type": Form(
        'op.alter_column("users", "bio", existing_type=sa.Text(), type_=sa.Integer())',
        "changing-column-type",
        "write a column of the new type and op.backfill(); drop the old one later",
    ),
    "a narrower type": Form(
        'op.alter_column("users", "bio", existing_type=sa.String(9), type_=sa.String(length=8))',
        "changing-column-type",
        "write a column of the new type",
    ),
    "a type whose old width is unknown": Form(
        'op.alter_column("users", "bio", type_=sa.Text())',
        "changing-column-type",
        "write a column of the new type",
    ),
    "a column that is renamed": Form(
        'op.alter_column("users", "bio", new_column_name="about")',
        "renaming-column",
        "write a column of the new name and op.backfill(); drop the old one later",
        phase="contract",
    ),
    "a table that is renamed": Form(
        'op.rename_table("users", "people")',
        "renaming-table",
        "write a view of the new name",
        phase="contract",
    ),
    "a column that is dropped": Form(
        'op.drop_column("users", "bio")',
        "ban-drop-column",
        "write it in a revision of the phase contract",
    ),
    "a table that is dropped": Form(
        'op.drop_table("comments")',
        "ban-drop-table",
        "write it in a revision of the phase contract",
    ),
    "an update": Form(
        "op.execute(\"UPDATE users SET bio = ''\")", "data-change", "write op.backfill()"
    ),
    "an update by SQLAlchemy": Form(
        'users = sa.table("users", sa.column("bio", sa.Text()))\n    op.execute(users.update().values(bio="x"))',
        "data-change",
        "write op.backfill(), or a program (UPDATE users SET bio='x')",
    ),
    "an update of a computed table, in contract": Form(
        'table = "users"\n    op.execute(f"update only {table} AS u\\nset bio = 1")',
        "data-change",
        "write op.backfill()",
        phase="contract",
    ),
    "an update in a block": Form(
        "op.execute(\"DO $$ BEGIN UPDATE users SET bio = ''; END $$\")",
        "opaque-block",
        "write its statements as operations",
    ),
    "an update below a comment": Form(
        "op.execute(\"-- one by one\\nUPDATE users SET bio = ''\")",
        "data-change",
        "write op.backfill()",
    ),
    "a delete": Form(
        'op.execute(sa.text("DELETE FROM users WHERE bio IS NULL"))',
        "data-change",
        "write op.backfill()",
    ),
    "rows that are copied": Form(
        'op.execute("INSERT INTO posts (id)\\nSELECT id FROM users")',
        "data-change",
        "write op.backfill()",
    ),
    "a table that is truncated": Form(
        'op.execute("TRUNCATE posts")', "table-locked", "nobody can use the table meanwhile"
    ),
    "a lock": Form('op.execute("LOCK TABLE users")', "table-locked", "do it by hand"),
    "a column with a sequence": Form(
        'op.execute("ALTER TABLE users ADD COLUMN n bigserial")', "table-locked", "do it by hand"
    ),
    "row security that is disabled": Form(
        'op.execute("ALTER TABLE users DISABLE ROW LEVEL SECURITY")',
        "row-security-dropped",
        "write ALTER POLICY",
        phase="contract",
    ),
    "row security that is not forced": Form(
        'op.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")',
        "row-security-dropped",
        "write ALTER POLICY",
    ),
    "a policy that is dropped": Form(
        'op.execute("DROP POLICY mine ON users")', "row-security-dropped", "write ALTER POLICY"
    ),
    "no downgrade": Form(
        'op.add_column("users", sa.Column("city", sa.Text()))',
        "no-downgrade",
        "write downgrade(), or irreversible",
        downgrade='"""Nothing."""\n    raise NotImplementedError',
    ),
    "an irreversible revision without a reason": Form(
        'op.add_column("users", sa.Column("city", sa.Text()))',
        "no-downgrade",
        "write downgrade(), or irreversible",
        downgrade="pass",
        more='irreversible = ""',
    ),
    "an unknown phase": Form(UNDO, "unknown-phase", 'write phase = "expand"', phase="before"),
    "code of the application": Form(
        "from shop.models import User as User\n    pass",
        "application-import",
        "shop.models will change: copy what it needs",
    ),
    "a library": Form(
        "pass", "application-import", "rich.table will change", more="import rich.table"
    ),
    "an async function": Form(
        "pass", "async-code", "write `def`", more="async def later() -> None:\n    await op.f()\n"
    ),
    "asyncio": Form(
        "import asyncio\n    asyncio.run(asyncio.sleep(0))",
        "async-code",
        "write `def`, and call op",
    ),
    "a plain operation before one that commits": Form(
        'op.add_column("users", sa.Column("city", sa.Text()))\n'
        '    op.create_index_concurrently("ix", "users", ["city"])',
        "not-repeatable",
        "write if_exists=True or if_not_exists=True, or move op.add_column() to another revision",
    ),
    "SQL before an operation that commits": Form(
        'op.execute("CREATE EXTENSION citext")\n    op.backfill("users", "bio", "username")',
        "not-repeatable",
        "0002.py:17: not-repeatable: line 18 commits this",
    ),
    "a downgrade that cannot be repeated": Form(
        UNDO,
        "not-repeatable",
        "write if_exists=True or if_not_exists=True, or move op.drop_column() to another revision",
        downgrade='op.drop_column("users", "bio")\n    op.drop_index_concurrently("ix", "users")',
    ),
    "a query": Form(
        'op.get_bind().execute(sa.text("SELECT 1")).one()',
        "not-sql",
        "it must not ask the database",
    ),
    "a mistake in SQL": Form('op.execute("ALTR TABLE users")', "syntax-error", "ALTR TABLE users"),
}

SAFE = {
    "each operation of the layer": (
        'op.create_index_concurrently("ix", "users", ["bio"])\n'
        '    op.drop_index_concurrently("ix_posts_author_id", "posts")\n'
        '    op.replace_index_concurrently("ix_posts_publish_at", "posts", ["publish_at"])\n'
        '    op.create_foreign_key_concurrently("fk", "users", "posts", ["bio"], ["id"])\n'
        '    op.create_check_constraint_concurrently("ck", "users", "bio IS NOT NULL")\n'
        '    op.create_unique_constraint_concurrently("uq", "users", ["bio"])\n'
        '    op.add_column_concurrently("users", sa.Column("salt", sa.Uuid(), nullable=False,'
        ' server_default=sa.text("gen_random_uuid()")))\n'
        '    op.backfill("users", "bio", "username")'
    ),
    "a new table with its indexes and constraints": (
        'op.create_table("tags", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("post_id", sa.Uuid(), sa.ForeignKey("posts.id")), schema="public")\n'
        '    op.create_index("ix_tags_post_id", "tags", ["post_id"], schema="public")\n'
        '    op.create_unique_constraint("uq", "tags", ["id", "post_id"], schema="public")\n'
        '    op.create_check_constraint("ck", "tags", "id > 0", schema="public")\n'
        '    op.alter_column("tags", "post_id", nullable=False, schema="public")'
    ),
    "a new table and its index after an operation that commits": (
        'op.create_table("tags", sa.Column("id", sa.Uuid(), primary_key=True), if_not_exists=True)\n'
        '    op.create_index_concurrently("ix", "users", ["bio"])\n'
        '    op.create_index("ix_tags", "tags", ["id"])'
    ),
    "columns, and a default": (
        'op.add_column("users", sa.Column("city", sa.String(30)))\n'
        '    op.add_column("users", sa.Column("at", sa.DateTime(), server_default=sa.func.now(),'
        " nullable=False))\n"
        '    op.alter_column("users", "bio", server_default="")\n'
        '    op.alter_column("users", "username", nullable=True)'
    ),
    "wider types": (
        'op.alter_column("users", "bio", existing_type=sa.VARCHAR(9), type_=sa.String(length=10))\n'
        '    op.alter_column("users", "bio", existing_type=sa.String(10), type_=sa.Text())\n'
        '    op.alter_column("users", "credits", existing_type=sa.Numeric(precision=9, scale=2),'
        " type_=sa.Numeric(precision=10, scale=2))"
    ),
    "triggers, functions and policies": (
        'op.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS '
        "$f$ BEGIN UPDATE users SET bio = ''; DELETE FROM posts;\\n\\nRETURN new; END $f$\")\n"
        '    op.execute("CREATE TRIGGER t BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION f()")\n'
        '    op.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")\n'
        '    op.execute("CREATE POLICY p ON users FOR UPDATE USING (true)")'
    ),
    "words": (
        'op.create_table_comment("users", "who may SELECT, UPDATE x SET or DELETE FROM here")\n'
        '    op.execute("ANALYZE users")'
    ),
    "rows of a new database": (
        "op.execute(\"INSERT INTO users (bio) VALUES ('x') ON CONFLICT (id) DO UPDATE SET bio = 'x'\")"
    ),
    "values that are not taken back": 'op.backfill("users", "bio", "username")',
}
