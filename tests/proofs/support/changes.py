"""Changes of the models, and the operations that autogenerate writes for them."""

from collections.abc import Sequence
from typing import NamedTuple

USER, POST = "src/shop/models/user.py", "src/shop/models/post.py"
BIO = "    bio: Mapped[str | None]\n"
NAMES = """from enum import Enum as Enumeration


class Kind(Enumeration):
    OLD = "old"
    NEW = "new"


from sqlalchemy import ARRAY, CheckConstraint, Computed, Enum, ForeignKey, Index, Numeric, Text
from sqlalchemy import UniqueConstraint
from .base import Key
from sqlalchemy import """
CHECK = 'CheckConstraint("credits >= 0", name="credits_not_negative"),'


class Change(NamedTuple):
    """A change of the models, and the operations that it becomes in each phase."""

    file: str
    old: str
    new: str
    expand: Sequence[str] = ()
    contract: Sequence[str] = ()
    allowed: Sequence[str] = ()
    found: Sequence[str] = ()  # the rules of the gate that it breaks


CHANGES = {
    "a nullable column": Change(USER, BIO, BIO + "    nick: Mapped[str | None]\n", ["add_column"]),
    "a column with a fixed default": Change(
        USER,
        BIO,
        BIO + "    kind: Mapped[str] = mapped_column(server_default='x')\n",
        ["add_column"],
    ),
    "a column whose default differs by row": Change(
        USER,
        BIO,
        BIO + "    salt: Mapped[str] = mapped_column(server_default=text('random()::text'))\n",
        ["add_column_concurrently"],
    ),
    "a column that the old code does not write": Change(
        USER,
        BIO,
        BIO + '    kind: Mapped[str] = mapped_column(default="it\'s")\n',
        ["add_column"],
        ["backfill", "set_not_null_concurrently"],
    ),
    "no check": Change(
        USER,
        CHECK,
        "",
        ["drop_constraint"],
    ),
    "NOT NULL": Change(USER, BIO, "    bio: Mapped[str]\n", contract=["set_not_null_concurrently"]),
    "NOT NULL, with a default for old rows": Change(
        USER,
        BIO,
        "    bio: Mapped[str] = mapped_column(default='none')\n",
        contract=["backfill", "set_not_null_concurrently"],
    ),
    "no default": Change(
        USER, 'default=0, server_default=text("0")', "default=0", contract=["alter_column"]
    ),
    "another default": Change(
        USER, 'server_default=text("0")', 'server_default=text("5")', ["alter_column"]
    ),
    "a default with the form of a call": Change(
        USER,
        BIO,
        BIO + "    kind: Mapped[str] = mapped_column(server_default='not given (yet)')\n",
        ["add_column"],
    ),
    "a list": Change(
        USER,
        BIO,
        BIO + "    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text), default=[])\n",
        ["add_column"],
        ["backfill", "set_not_null_concurrently"],
    ),
    "an index with a long name": Change(
        USER,
        CHECK,
        CHECK + ' Index(None, "bio", "credits", "username", "deactivated_at", "password_hash",'
        ' "created_at"),',
        ["create_index_concurrently"],
    ),
    "a foreign key with a long name": Change(
        USER,
        BIO,
        BIO
        + f'    {"rather_" * 8}long: Mapped[Key | None] = mapped_column(ForeignKey("users.id"))\n',
        ["add_column", "create_foreign_key_concurrently"],
    ),
    "NULL": Change(
        USER,
        "    password_hash: Mapped[str]\n",
        "    password_hash: Mapped[str | None]\n",
        ["alter_column"],
    ),
    "an index": Change(
        USER,
        BIO,
        "    bio: Mapped[str | None] = mapped_column(index=True)\n",
        ["create_index_concurrently"],
    ),
    "an index of a new column": Change(
        USER,
        BIO,
        BIO + "    nick: Mapped[str | None] = mapped_column(index=True)\n",
        ["add_column", "create_index_concurrently"],
    ),
    # Its name contains the predicate, so it is another index.
    "another WHERE of an index": Change(
        POST,
        "NOT published",
        "NOT published AND title <> ''",
        ["create_index_concurrently"],
        contract=["drop_index_concurrently"],
    ),
    "an index that becomes unique": Change(
        POST,
        'Index(None, "published", "created_at", "id"),',
        'Index(None, "published", "created_at", "id", unique=True),',
        contract=["replace_index_concurrently"],
    ),
    "a unique constraint": Change(
        USER,
        BIO,
        "    bio: Mapped[str | None] = mapped_column(unique=True)\n",
        contract=["create_unique_constraint_concurrently"],
    ),
    "a unique constraint of a new column": Change(
        USER,
        BIO,
        BIO + "    nick: Mapped[str | None] = mapped_column(unique=True)\n",
        ["add_column", "create_unique_constraint_concurrently"],
    ),
    "a check": Change(
        USER,
        'CheckConstraint("credits >= 0", name="credits_not_negative"),',
        'CheckConstraint("credits >= 0", name="credits_not_negative"),'
        ' CheckConstraint("bio <> \'\'", name="bio_not_empty"),',
        contract=["create_check_constraint_concurrently"],
    ),
    "another body of a check": Change(
        USER,
        "credits >= 0",
        "credits >= -5",
        ["create_check_constraint_concurrently", "drop_constraint"],
        ["create_check_constraint_concurrently", "drop_constraint"],
    ),
    "no unique constraint": Change(
        USER,
        "username: Mapped[str] = mapped_column(unique=True)",
        "username: Mapped[str]",
        ["drop_constraint"],
    ),
    "no column": Change(USER, BIO, "", contract=["drop_column"], allowed=["users.bio"]),
    "no column, after it was NOT NULL": Change(
        USER,
        "    password_hash: Mapped[str]\n",
        "",
        ["alter_column"],
        ["drop_column"],
        allowed=["users.password_hash"],
    ),
    "a unique index": Change(
        USER,
        CHECK,
        CHECK + ' Index("ux_users_bio", text("lower(bio)"), unique=True),',
        contract=["create_index_concurrently"],
    ),
    "a unique constraint that waits for COMMIT": Change(
        USER,
        CHECK,
        CHECK + ' UniqueConstraint("bio", deferrable=True, initially="DEFERRED"),',
        contract=["create_unique_constraint_concurrently"],
    ),
    "an enumeration": Change(
        USER,
        BIO,
        BIO + "    kind: Mapped[Kind] = mapped_column(default=Kind.OLD)\n",
        ["add_column", "create_check_constraint_concurrently"],
        ["backfill", "set_not_null_concurrently"],
    ),
    "another type": Change(
        USER,
        "credits: Mapped[int] = mapped_column(",
        "credits: Mapped[int] = mapped_column(Numeric, ",
        contract=["alter_column"],
        allowed=["users.credits"],
        found=["changing-column-type"],
    ),
}
