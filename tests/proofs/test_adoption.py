"""A database that is there already comes under migration without a change of its tables."""

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

from shop.models import Base
from tests.proofs.revisions import Project


async def test_an_existing_database_is_adopted(project: Project, fresh_database_url: URL) -> None:
    engine = create_async_engine(fresh_database_url)
    [example] = project.revisions()
    example.unlink()
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    [first] = project.revise("what is there")
    async with engine.begin() as connection:  # as somebody else made it
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(text("DROP INDEX ix_posts_author_id"))
        await connection.execute(text("ALTER TABLE users ADD COLUMN legacy text"))
    await engine.dispose()

    project.alembic("stamp", "head")
    code, differences = project.attempt("check")

    assert "create_table" in first.read_text()
    assert code != 0
    assert "ix_posts_author_id" in differences
    assert "legacy" in differences
    index, _ = project.revise("catch up", "users.legacy")
    assert "create_index_concurrently" in index.read_text()
    project.alembic_all("upgrade head", "check")
