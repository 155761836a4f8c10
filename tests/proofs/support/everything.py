"""A change of the models that needs operations of every kind, and rows to which it is applied.

`describe` returns the schema of a database, to compare two of them.
"""

from sqlalchemy import URL, text

from tests.proofs.support.revisions import Project
from tools.sources import connect

MODELS = "src/shop/models"

# More users than fit into a batch.
ROWS = """
    INSERT INTO users (id, email, username, password_hash, bio)
    SELECT gen_random_uuid(), n, n, '', 'bio' FROM generate_series(1, 1500) AS n;
    INSERT INTO posts (id, author_id, title, body)
    SELECT gen_random_uuid(), id, username, '' FROM users WHERE length(username) < 3
"""

TAG = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Key, PrimaryKey


class Tag(PrimaryKey, Base):
    __tablename__ = "tags"

    post_id: Mapped[Key] = mapped_column(ForeignKey("posts.id"), index=True)
    name: Mapped[str] = mapped_column(unique=True)
"""

EDITS = {
    "user.py": {
        'CheckConstraint("credits >= 0", name="credits_not_negative"),': (
            'CheckConstraint("credits >= -5", name="credits_not_negative"),'
            ' CheckConstraint("bio <> \'\'", name="bio_not_empty"),'
        ),
        "username: Mapped[str] = mapped_column(unique=True)": "username: Mapped[str]",
        "    password_hash: Mapped[str]\n": (
            "    nick: Mapped[str | None] = mapped_column(unique=True)\n"
            '    kind: Mapped[str] = mapped_column(default="it\'s: a \\\\ kind")\n'
            '    salt: Mapped[str] = mapped_column(server_default=text("(random())::text"))\n'
        ),
        'server_default=text("0")': 'server_default=text("1")',
        "bio: Mapped[str | None]": "bio: Mapped[str] = mapped_column(index=True)",
    },
    "post.py": {
        '        Index(None, "published", "created_at", "id"),\n': "",
        "NOT published": "NOT published AND title <> 'x'",
        'ForeignKey("users.id", ondelete="CASCADE")': 'ForeignKey("users.id", ondelete="RESTRICT")',
        "title: Mapped[str]\n": (
            "title: Mapped[str] = mapped_column(unique=True)\n"
            '    answers_id: Mapped[Key | None] = mapped_column(ForeignKey("posts.id"), index=True)\n'
        ),
    },
    "__init__.py": {
        "from .comment import Comment\n": "",
        '    "Comment",\n': "",
        "from .post import Post\n": "from .post import Post\nfrom .tag import Tag as Tag\n",
    },
}

_SCHEMA = """
    SELECT concat_ws(' ', 'relation', relname, relkind) FROM pg_class
    WHERE relnamespace = to_regnamespace('public')
    UNION ALL
    SELECT concat_ws(
        ' ', 'column', relname, attname, format_type(atttypid, atttypmod), 'NOT NULL: ', attnotnull,
        pg_get_expr(adbin, adrelid), attidentity, attgenerated, col_description(attrelid, attnum)
    )
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = to_regnamespace('public') AND relkind = 'r'
    AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT concat_ws(
        ' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated
    )
    FROM pg_constraint WHERE connamespace = to_regnamespace('public')
    UNION ALL
    SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid), 'valid: ', indisvalid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = to_regnamespace('public')
    ORDER BY 1
"""


def change_everything(project: Project) -> list[str]:
    """Change the models, let autogenerate write revisions, and return their names."""
    (project.root / MODELS / "tag.py").write_text(TAG)
    for file, edits in EDITS.items():
        for old, new in edits.items():
            project.edit(f"{MODELS}/{file}", old, new)
    files = project.revise("everything", "users.password_hash", "comments")
    return [file.stem.split("_")[4] for file in files]


async def fill(url: URL) -> None:
    """Insert rows, so that the change finds some."""
    async with connect(url) as database:
        for statement in ROWS.split(";"):
            await database.execute(text(statement))


async def remove_rows(url: URL) -> None:
    """Empty the tables. The downgrade of a dropped NOT NULL column needs that."""
    async with connect(url) as database:
        await database.execute(text("TRUNCATE users CASCADE"))


async def describe(url: URL) -> list[str]:
    """Return the schema of a database, without the order of the columns."""
    async with connect(url) as database:
        return list(await database.scalars(text(_SCHEMA)))
