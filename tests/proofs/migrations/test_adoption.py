"""An existing database gets migrations without a change of its tables."""

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.models import Base
from tests.proofs.support.everything import describe
from tests.proofs.support.revisions import Project


async def test_an_existing_database_is_adopted(
    project: Project, server: AsyncConnection, fresh_database_url: URL
) -> None:
    [example] = project.revisions()
    example.unlink()
    for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
        await server.execute(text(statement))
    await server.run_sync(Base.metadata.create_all)  # another program created it
    await server.execute(text("ALTER TABLE users ADD COLUMN legacy text"))
    before = await describe(fresh_database_url)

    # Before the first revision, `check` reports what is missing in the models. Correct them there.
    code, differences = project.attempt("check")
    assert code != 0
    assert "legacy" in differences
    bio = "    bio: Mapped[str | None]\n"
    project.edit("src/shop/models/user.py", bio, bio + "    legacy: Mapped[str | None]\n")
    project.alembic("check")

    # An empty database runs the first revision, and the existing one is stamped with it.
    await server.execute(text("ALTER SCHEMA public RENAME TO existing"))
    await server.execute(text("CREATE SCHEMA public"))
    [first] = project.revise("what is there")
    assert "create_table" in first.read_text()
    project.alembic("upgrade", "head")
    assert [line for line in await describe(fresh_database_url) if "alembic" not in line] == before
    await server.execute(text("DROP SCHEMA public CASCADE"))
    await server.execute(text("ALTER SCHEMA existing RENAME TO public"))
    project.alembic_all("stamp head", "check", "current --check-heads", "upgrade head")

    # A database that another Alembic migrated has a revision that nobody knows.
    await server.execute(text("UPDATE alembic_version SET version_num = 'theirs'"))
    assert project.attempt("upgrade", "head")[0] != 0
    project.alembic_all("stamp --purge head", "check", "current --check-heads")


async def test_a_type_that_sqlalchemy_does_not_know_causes_no_warning(
    project: Project, server: AsyncConnection
) -> None:
    """In the tests of a project, a warning would be an error."""
    project.alembic("upgrade", "head")
    await server.execute(text("CREATE TYPE span AS (low int, high int)"))
    await server.execute(text("ALTER TABLE users ADD COLUMN hours span"))
    bio = "    bio: Mapped[str | None]\n"
    hours = "    hours: Mapped[str | None] = mapped_column(Span)\n"
    project.edit("src/shop/models/user.py", bio, bio + hours)
    project.edit(
        "src/shop/models/user.py",
        "\n\nclass User(",
        "\n\nfrom sqlalchemy.types import UserDefinedType\n\n\n"
        "class Span(UserDefinedType[str]):\n    cache_ok = True\n\n"
        '    def get_col_spec(self, **_: object) -> str:\n        return "span"\n\n\n'
        "class User(",
    )

    assert "Warning" not in project.alembic("check")
