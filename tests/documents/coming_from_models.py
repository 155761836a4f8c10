"""The rows of docs/coming-from.md about models, migrations and tests. They run in a rendered project.

The docstring of a test is the first cell of its row.
"""

import gc
import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from alembic.config import Config
from sqlalchemy import URL, AsyncAdaptedQueuePool, insert, inspect, text
from sqlalchemy.orm import Mapped

from shop.db import DatabaseSettings, SoftDeleteRepository
from shop.db.errors import CheckViolation, Error, SettingsError
from shop.db.migrations.gate import lint
from shop.db.migrations.settings import MigrationSettings
from shop.db.mixins import SoftDelete
from shop.models import Base, Key, Post, PrimaryKey, User
from shop.repositories import Repository
from shop.unit_of_work import Database, UnitOfWork
from tests.documents.revisions import Project


class GaveUpError(Exception): ...


class Memo(PrimaryKey, SoftDelete, Base):
    __tablename__ = "memos"

    body: Mapped[str]


class MemoRepository(SoftDeleteRepository[Memo, Key], Repository[Memo]):
    model = Memo


def person(name: str) -> User:
    return User(email=f"{name}@example.com", username=name, password_hash="…")


def row(name: str, **values: object) -> dict[str, object]:
    return {"email": f"{name}@example.com", "username": name, "password_hash": "…"} | values


async def test_utcnow(uow: UnitOfWork) -> None:
    """`datetime.utcnow()`"""
    ada = await uow.users.add(person("ada"))
    now = datetime.now(UTC)
    await uow.users.update(ada, deactivated_at=now)
    with pytest.raises((Error, TypeError, ValueError)):
        await uow.users.update(ada, deactivated_at=now.replace(tzinfo=None))


async def test_onupdate(database: Database) -> None:
    """`onupdate=func.now()`"""
    async with database.unit_of_work() as uow:
        ada = await uow.users.add(person("ada"))
        created = ada.updated_at

    async def after(change: Callable[[UnitOfWork], Any]) -> datetime:
        async with database.unit_of_work() as uow:
            await change(uow)
        async with database.unit_of_work() as uow:
            return (await uow.users.get_one(ada.id)).updated_at

    raw = text("UPDATE users SET bio = 'raw'")
    assert await after(lambda uow: uow.session.execute(raw)) == created
    by_update = await after(lambda uow: uow.users.update_where(User.id == ada.id, bio="a"))
    by_rows = await after(lambda uow: uow.users.update_rows([{"id": ada.id, "bio": "b"}]))
    upsert = [row("ada", bio="c")]
    by_upsert = await after(
        lambda uow: uow.users.upsert_rows(upsert, conflict_target=[User.email], update=["bio"])
    )
    assert created < by_update < by_rows < by_upsert


async def test_listeners_and_validators(uow: UnitOfWork) -> None:
    """listeners of `before_insert`, `@validates`"""
    assert (await uow.users.add(person("ADA"))).email == "ada@example.com"
    with pytest.raises(CheckViolation):
        await uow.users.insert_rows([row("BOB")])


async def test_is_deleted(database: Database) -> None:
    """`is_deleted`, a Boolean"""
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with database.unit_of_work() as uow:
        memos = MemoRepository(uow.session)
        memo = await memos.add(Memo(body="milk"))
        await memos.delete(memo)
        assert memo.deleted_at is not None
        assert await memos.count() == 0
        shown = inspect(Memo).local_table.select().where(text("deleted_at IS NOT NULL"))
        assert (
            len(
                (
                    await uow.session.execute(shown, execution_options={"include_deleted": True})
                ).all()
            )
            == 1
        )


async def test_raw_copy(database: Database) -> None:
    """a raw COPY"""

    async def copy(uow: UnitOfWork) -> None:
        connection = await uow.session.connection()
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        columns = ["id", "email", "username", "password_hash"]
        values = row("ada")
        record = [(User.__table__.c.id.default.arg(None), *values.values())]
        await driver.copy_records_to_table("users", records=record, columns=columns)

    with pytest.raises(GaveUpError):
        async with database.unit_of_work() as uow:
            await copy(uow)
            raise GaveUpError
    async with database.unit_of_work() as uow:
        assert await uow.users.count() == 1  # the COPY survived the rollback
        await uow.users.delete_where(User.username == "ada")
    with pytest.raises(GaveUpError):
        async with database.unit_of_work() as uow:
            await uow.users.insert_rows([row("ada")])
            raise GaveUpError
    async with database.unit_of_work() as uow:
        assert await uow.users.count() == 0


async def test_bulk_methods_of_the_session(uow: UnitOfWork) -> None:
    """`bulk_insert_mappings()`, `bulk_save_objects()`"""
    assert not hasattr(uow.session, "bulk_insert_mappings")
    assert not hasattr(uow.session, "bulk_save_objects")
    assert await uow.users.insert_rows([row("ada"), row("bob")]) == 2


async def test_insert_values(uow: UnitOfWork) -> None:
    """`insert().values(list)`"""
    await uow.session.execute(insert(User).values([row("ada"), row("bob")]))
    assert await uow.users.count() == 2


async def test_create_all(database: Database) -> None:
    """`init_db()`, `create_all()` at start"""
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE users DROP COLUMN bio"))
        await connection.run_sync(Base.metadata.create_all)
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("users"))
    assert "bio" not in {column["name"] for column in columns}


def test_percent_of_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """`alembic.ini` with the URL, `set_main_option("sqlalchemy.url", …)`"""
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://owner:50%25@localhost/shop")
    url = MigrationSettings().database_url
    assert url is not None
    assert url.password == "50%"


def test_no_file_of_alembic(pytestconfig: pytest.Config) -> None:
    """`fileConfig(config.config_file_name)`"""
    assert not (pytestconfig.rootpath / "alembic.ini").exists()
    assert "fileConfig" not in (pytestconfig.rootpath / "migrations/env.py").read_text()
    assert "[tool.alembic]" in (pytestconfig.rootpath / "pyproject.toml").read_text()


@pytest.fixture
def project(pytestconfig: pytest.Config, tmp_path: Path, fresh_database_url: URL) -> Project:
    return Project(pytestconfig.rootpath, tmp_path / "copy", fresh_database_url)


def test_each_revision_has_its_own_transaction(project: Project) -> None:
    """`transaction_per_migration = false`"""
    project.write("0002", 'op.execute("CREATE TABLE kept ()")')
    project.write("0003", 'op.execute("SELECT 1 / 0")', after="0002")
    code, _ = project.attempt("upgrade", "head")
    assert code != 0
    assert "0002" in project.alembic("current")


def test_lock_timeout(project: Project) -> None:
    """`SET lock_timeout` in a revision"""
    seen = "SELECT 1 / (current_setting('lock_timeout') = '250ms')::int"
    project.write("0002", f'op.execute("{seen}")')
    project.alembic("upgrade", "head", MIGRATION_LOCK_TIMEOUT="0.25")


def rules(project: Project, upgrade: str) -> set[str]:
    project.write("0002", upgrade)
    return {each.rule for each in lint(Config(toml_file=project.root / "pyproject.toml"))}


def test_plain_index(project: Project) -> None:
    """`op.create_index()` on a table in use"""
    found = rules(project, 'op.create_index("ix", "users", ["bio"])')
    assert "require-concurrent-index-creation" in found


def test_concurrent_index_by_hand(project: Project) -> None:
    """`postgresql_concurrently=True` in an `autocommit_block()`"""
    index = 'op.create_index("ix", "users", ["bio"], postgresql_concurrently=True)'
    found = rules(project, f"with op.get_context().autocommit_block():\n        {index}")
    assert "interrupted-index" in found


def test_async_upgrade(project: Project) -> None:
    """`async def upgrade()`"""
    path = project.write("0002", "pass")
    project.replace(path, "def upgrade()", "async def upgrade()")
    code, said = project.attempt("upgrade", "head")
    assert code != 0
    assert "write a plain `def`" in said


async def test_mock_of_a_session() -> None:
    """`AsyncMock` in place of a session"""
    session = AsyncMock()
    await session.exceute("a word that no session has")
    assert session.exceute.await_count == 1


async def test_factory_boy(uow: UnitOfWork) -> None:
    """factory_boy with an `AsyncSession`"""
    factory: Any = importlib.import_module("factory.alchemy").SQLAlchemyModelFactory
    options = {"model": User, "sqlalchemy_session": uow.session}
    meta = type("Meta", (), options | {"sqlalchemy_session_persistence": "commit"})
    users: Any = type("Users", (factory,), {"Meta": meta})

    def create() -> None:
        users.create(**row("ada"))
        gc.collect()

    with pytest.warns(RuntimeWarning, match="was never awaited"):
        create()


async def test_pool_in_tests(shared_database: Database, database: Database) -> None:
    """`NullPool` in tests"""
    for each in (shared_database, database):
        assert isinstance(each.engine.sync_engine.pool, AsyncAdaptedQueuePool)
        assert (await each.health()).ok


def test_sqlite() -> None:
    """SQLite in memory"""
    with pytest.raises(SettingsError, match="must begin with postgresql"):
        DatabaseSettings(_env_file=None, url="sqlite+aiosqlite:///:memory:")


async def test_tables_between_tests(isolated: Database, shared_database: Database) -> None:
    """dropping all tables between tests"""
    async with isolated.unit_of_work() as uow:
        await uow.posts.add(Post(author=person("ada"), title="Notes", body="…"))
    async with shared_database.unit_of_work() as uow:
        assert await uow.posts.count() == 0
