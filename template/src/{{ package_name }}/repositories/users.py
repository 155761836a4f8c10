"""The queries of the domain for users."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import selectinload

from ..db import RowLock
from ..models import Key, Post, User
from .base import ReadRepository, Repository


class UserQueries(ReadRepository[User]):
    model = User

    async def by_email(self, email: str) -> User | None:
        return await self.one_or_none(User.email == email.lower())

    async def by_username(self, username: str) -> User | None:
        return await self.one_or_none(User.username == username)

    async def active(self, *, limit: int = 100) -> Sequence[User]:
        """Return the users who may log in, by name, `limit` at most."""
        return await self.all(User.active, order_by=[User.username], limit=limit)

    async def with_posts(self, user: Key) -> User:
        """Return a user with their published posts."""
        posts = selectinload(User.posts.and_(Post.published))
        return await self.get_one(user, options=[posts])


class UserRepository(UserQueries, Repository[User]):
    async def lock(self, *keys: Key) -> Mapping[Key, User]:
        """Lock users until the transaction ends, and return those that exist, by key.

        One statement locks all of them in the order of their keys. So two transactions that lock the
        same users never wait for each other in a circle. Other transactions can still write rows
        that refer to the users (`FOR NO KEY UPDATE`).
        """
        lock: RowLock = {"key_share": True}
        users = await self.all(User.id.in_(keys), order_by=[User.id], with_for_update=lock)
        return {user.id: user for user in users}
