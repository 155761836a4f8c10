"""The checks of a rendered project find bad code: each test writes some, and a check must fail."""

from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, attempt, edit, run

pytestmark = pytest.mark.slow

PACKAGE = "src/shop"

# By name: the file, the text to replace, the new text, the recipe that must fail, and its message.
BAD_CODE = {
    "a conflict that an update left": (
        "compose.yaml",
        "    volumes:\n",
        "<<<<<<< before updating\n    volumes:\n",
        ["conflicts"],
        "These lines have a conflict. Edit them:",
    ),
    "a conflict in a file that no other check reads": (
        "Dockerfile",
        "WORKDIR /app\nCOPY --from=build",
        "WORKDIR /app\n>>>>>>> after updating\nCOPY --from=build",
        ["check"],
        "Dockerfile:",
    ),
    "the layer imports the project": (
        f"{PACKAGE}/db/unit_of_work/retry.py",
        "import stamina\n",
        "import stamina\n\nfrom ...models import User as User\n",
        ["imports"],
        "shop.db is not allowed to import shop.models",
    ),
    "a model imports a repository": (
        f"{PACKAGE}/models/base.py",
        "from .. import db\n",
        "from .. import db, repositories as repositories\n",
        ["imports"],
        "shop.models is not allowed to import shop.repositories",
    ),
    "a key of the wrong type": (
        f"{PACKAGE}/services/posts.py",
        "uow.posts.get_one(post)",
        "uow.posts.get_one(7)",
        ["types"],
        'incompatible type "int"',
    ),
    "a column that may be missing": (
        f"{PACKAGE}/services/users.py",
        "User(email=email, username",
        "User(email=(await uow.users.lock())[0].bio.lower(), username",
        ["types"],
        'has no attribute "lower"',
    ),
    "a model without its migration": (
        f"{PACKAGE}/models/user.py",
        "    bio: Mapped[str | None]\n",
        "    bio: Mapped[str | None]\n    city: Mapped[str | None]\n",
        ["test", "tests/db/test_migrations.py"],
        "the models and the database differ",
    ),
    "a revision that cannot be taken back": (
        "migrations/versions/0001_users_posts_comments.py",
        '    op.drop_table("users")\n',
        "",
        ["test", "tests/db/test_migrations.py"],
        'relation "users" already exists',
    ),
    "a revision that cannot be deployed": (
        "migrations/versions/0001_users_posts_comments.py",
        'phase = "expand"',
        'phase = "soon"',
        ["revisions"],
        'unknown-phase: write phase = "expand"',
    ),
    "a model that its package does not import": (
        f"{PACKAGE}/models/__init__.py",
        "from .post import Post\n",
        "from .post import Post as _\n\nPost = _.__base__\n",
        ["test", "tests/db/test_migrations.py"],
        "import these models in models/__init__.py",
    ),
    "a constraint by another name": (
        "migrations/versions/0001_users_posts_comments.py",
        "uq_users_email",
        "users_email_key",
        ["test", "tests/db", "tests/integration"],
        "uq_users_email",
    ),
    "SQL from a string": (
        f"{PACKAGE}/repositories/users.py",
        "        return await self.one_or_none(User.username == username)",
        '        await self.session.execute(text(f"DELETE FROM users WHERE name = {username}"))',
        ["lint"],
        "S608",
    ),
    "a print that was forgotten": (
        f"{PACKAGE}/services/posts.py",
        '    """Write a post.',
        '    print("here")\n    """Write a post.',
        ["lint"],
        "T201",
    ),
    "a foreign key without an index": (
        f"{PACKAGE}/models/post.py",
        ", index=True)",
        ")",
        ["test", "tests/db/test_conventions.py"],
        "posts.author_id: write index=True",
    ),
    "a foreign key that does not say what a delete does": (
        f"{PACKAGE}/models/post.py",
        ', ondelete="CASCADE"',
        "",
        ["test", "tests/db/test_conventions.py"],
        "posts.author_id: write ForeignKey(…, ondelete=",
    ),
    "a relationship that does not say how it is loaded": (
        f"{PACKAGE}/models/post.py",
        ', lazy="raise_on_sql"',
        "",
        ["test", "tests/db/test_conventions.py"],
        'Post.author: write lazy="raise_on_sql"',
    ),
    "an index on a constant": (
        f"{PACKAGE}/models/post.py",
        'Index(None, "published", "created_at", "id"),',
        "Index(None, __import__('sqlalchemy').func.lower('title'), unique=True),",
        ["test", "tests/db/test_conventions.py"],
        "indexes a constant: write func.lower(name)",
    ),
    "two indexes with one name": (
        f"{PACKAGE}/models/post.py",
        'Index(None, "published", "created_at", "id"),',
        'Index(None, "author_id"),',
        ["test", "tests/db/test_conventions.py"],
        'posts: two items are called "ix_posts_author_id"',
    ),
    "an index that is no constraint": (
        f"{PACKAGE}/models/post.py",
        "    title: Mapped[str]\n",
        "    title: Mapped[str] = mapped_column(unique=True, index=True)\n",
        ["test", "tests/db/test_conventions.py"],
        "posts.title: leave index=True out",
    ),
    "a naive datetime": (
        f"{PACKAGE}/models/base.py",
        "type_annotation_map = db.TYPE_ANNOTATION_MAP",
        "type_annotation_map = {}",
        ["test", "tests/db/test_conventions.py"],
        "users.created_at: write DateTime(timezone=True)",
    ),
    "a column of any type": (
        f"{PACKAGE}/models/user.py",
        "class User(PrimaryKey, Timestamps, Base):\n",
        "from typing import Any\n\n\nclass User(PrimaryKey, Timestamps, Base):\n"
        "    extra: Mapped[Any] = mapped_column(insert_default=0, type_=__import__('sqlalchemy').JSON)\n",
        ["test", "tests/db/test_conventions.py"],
        "User.extra: write its type instead of Mapped[Any]",
    ),
    "an index whose name breaks the convention": (
        f"{PACKAGE}/models/post.py",
        'Index(None, "published"',
        'Index("newest", "published"',
        ["test", "tests/db/test_conventions.py"],
        'posts: "newest" must be "ix_posts_…"',
    ),
    "a table in CamelCase": (
        f"{PACKAGE}/models/comment.py",
        '__tablename__ = "comments"',
        '__tablename__ = "blogComments"',
        ["test", "tests/db/test_conventions.py"],
        "blogComments: write its name in snake_case",
    ),
    "a waiver without a reason": (
        f"{PACKAGE}/models/post.py",
        ", index=True)",
        ', info={"waiver": " "})',
        ["test", "tests/db/test_conventions.py"],
        "posts.author_id: its waiver is empty",
    ),
    "a waiver of an index that is not needed": (
        f"{PACKAGE}/models/post.py",
        'Index(None, "published", "created_at", "id"),',
        'Index(None, "published", "created_at", "id", info={"waiver": "it is small"}),',
        ["test", "tests/db/test_conventions.py"],
        "ix_posts_published_created_at_id: its waiver is not needed",
    ),
    "a waiver that is not needed": (
        f"{PACKAGE}/models/post.py",
        ", index=True)",
        ', index=True, info={"waiver": "it is small"})',
        ["test", "tests/db/test_conventions.py"],
        "posts.author_id: its waiver is not needed",
    ),
}


@pytest.fixture(scope="module")
def guarded(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = render(tmp_path_factory.mktemp("guards") / "shop")
    run(["uv", "sync", "--quiet"], project)
    return project


@pytest.mark.parametrize("name", BAD_CODE)
def test_bad_code_is_found(guarded: Path, name: str) -> None:
    file, old, new, recipe, words = BAD_CODE[name]
    path = guarded / file
    before = path.read_text()
    try:
        edit(path, old, new)
        result = attempt(["uv", "run", "just", *recipe], guarded, **NO_DOCKER)
    finally:
        path.write_text(before)

    assert result.returncode != 0, result.stdout
    assert words in result.stdout


def test_a_convention_is_waived_with_a_reason(guarded: Path) -> None:
    path = guarded / PACKAGE / "models/post.py"
    before = path.read_text()
    try:
        edit(path, ", index=True)", ', info={"waiver": "not indexed: nobody is ever deleted"})')
        run(["uv", "run", "just", "test", "tests/db/test_conventions.py"], guarded, **NO_DOCKER)
    finally:
        path.write_text(before)


def test_an_unplanned_lazy_load_is_an_error(guarded: Path) -> None:
    test = guarded / "tests/integration/test_lazy.py"
    test.write_text(
        "from shop.unit_of_work import UnitOfWork\n"
        "from tests.factories import PostFactory\n\n\n"
        "async def test_loads(uow: UnitOfWork) -> None:\n"
        "    post = await uow.posts.add(PostFactory.build())\n"
        "    uow.session.expunge_all()\n"
        "    print((await uow.posts.get_one(post.id)).author)\n"
    )
    try:
        result = attempt(["uv", "run", "pytest", str(test)], guarded, **NO_DOCKER)
    finally:
        test.unlink()

    assert result.returncode != 0
    assert "is not available due to lazy='raise_on_sql'" in result.stdout


@pytest.mark.parametrize(
    ("warning", "recognized"),
    [
        ("import warnings; warnings.warn('of ours', stacklevel=1)", "of ours"),
        ("from sqlalchemy.util import warn; warn('of SQLAlchemy')", "of SQLAlchemy"),
        ("import asyncio; asyncio.sleep(0)", "never awaited"),
    ],
)
def test_a_warning_is_an_error(guarded: Path, warning: str, recognized: str) -> None:
    test = guarded / "tests/unit/test_warns.py"
    test.write_text(f"def test_warns() -> None:\n    {warning}\n")
    try:
        result = attempt(["uv", "run", "pytest", str(test)], guarded, **NO_DOCKER)
    finally:
        test.unlink()

    assert result.returncode != 0
    assert recognized in result.stdout
