"""The rows of docs/coming-from.md about Django and Flask-SQLAlchemy. They run in a rendered project.

The docstring of a test is the first cell of its row.
"""

from pathlib import Path

import pytest
from sqlalchemy import URL
from sqlalchemy.orm import joinedload, selectinload

from shop.db.errors import NotFound, UniqueViolation
from shop.models import Post, User
from shop.unit_of_work import Database, UnitOfWork
from tests.documents.revisions import Project
from tests.factories import PostFactory, UserFactory


async def test_queries_of_a_model(uow: UnitOfWork) -> None:
    """`User.objects.filter(…)`, `User.query.filter_by(…)`"""
    assert not hasattr(User, "objects")
    assert not hasattr(User, "query")
    ada = await uow.users.add(UserFactory.build(username="ada"))
    assert list(await uow.users.all(User.username == "ada")) == [ada]


async def test_not_found(uow: UnitOfWork) -> None:
    """`get_object_or_404()`, `first_or_404()`"""
    post = await uow.posts.add(PostFactory.build())
    with pytest.raises(NotFound):
        await uow.users.get_one(post.id)
    assert await uow.users.get(post.id) is None
    assert await uow.users.one_or_none(User.username == "nobody") is None


async def test_get_or_create(uow: UnitOfWork) -> None:
    """`get_or_create()`, `update_or_create()`"""
    assert not hasattr(uow.users, "get_or_create")
    for bio in ("old", "new"):
        ada = UserFactory.build(email="ada@example.com", username="ada", bio=bio)
        await uow.users.upsert(ada, conflict_target=[User.email])
    assert [each.bio for each in await uow.users.all()] == ["new"]
    row = UserFactory.build(email="ada@example.com", bio="newer")
    [found] = await uow.users.get_or_add_rows([row], conflict_target=[User.email])
    assert found.bio == "new"
    with pytest.raises(UniqueViolation):
        async with uow.savepoint():
            await uow.users.add(UserFactory.build(email="ada@example.com"))


async def test_save(uow: UnitOfWork) -> None:
    """`user.save()`, `db.session.add(user)`"""
    ada = await uow.users.add(UserFactory.build(bio=None))
    await uow.users.update(ada, bio="…")
    assert not uow.session.dirty
    assert await uow.users.exists(User.bio == "…")


async def test_expressions_as_values(uow: UnitOfWork) -> None:
    """`F("credits") + 1`"""
    ada = await uow.users.add(UserFactory.build(credits=1))
    await uow.users.update(ada, credits=User.credits + 1)
    assert ada.credits == 2


async def test_eager_loading(uow: UnitOfWork) -> None:
    """`select_related()`, `prefetch_related()`"""
    await uow.posts.add(PostFactory.build())
    uow.session.expunge_all()
    options = [joinedload(Post.author), selectinload(Post.comments)]
    [post] = await uow.posts.all(options=options)
    assert post.author.username
    assert post.comments == []


async def test_atomic(uow: UnitOfWork) -> None:
    """`transaction.atomic()`"""
    await uow.users.add(UserFactory.build(username="ada"))
    with pytest.raises(UniqueViolation):
        async with uow.savepoint():
            await uow.users.add(UserFactory.build())
            await uow.users.add(UserFactory.build(username="ada"))
    assert await uow.users.count() == 1


async def test_on_commit(isolated: Database) -> None:
    """`transaction.on_commit()`"""
    seen = []

    async def hook() -> None:
        seen.append("committed")

    async with isolated.unit_of_work() as uow:
        uow.after_commit(hook)
        assert seen == []
    assert seen == ["committed"]


def test_new_revisions(
    pytestconfig: pytest.Config, tmp_path: Path, fresh_database_url: URL
) -> None:
    """`makemigrations`, `flask db migrate`"""
    project = Project(pytestconfig.rootpath, tmp_path / "copy", fresh_database_url)
    model = project.root / "src/shop/models/user.py"
    project.replace(
        model, "    bio:", "    status: Mapped[str] = mapped_column(default='new')\n    bio:"
    )
    assert len(project.revise("add a status")) == 2
