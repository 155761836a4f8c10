"""The queries of the domain for posts."""

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload, load_only, selectinload

from ..db import Page, search
from ..models import Comment, Key, Post, User
from .base import ReadRepository, Repository


class Productivity(NamedTuple):
    """The number of posts of an author."""

    username: str
    posts: int


class PostQueries(ReadRepository[Post]):
    model = Post

    async def by_author(self, author: Key, *, drafts: bool = False) -> Sequence[Post]:
        """Return an author's posts, the oldest first, with or without the drafts."""
        states = [True, False] if drafts else [True]
        return await self.all(
            Post.author_id == author,
            Post.published.in_(states),
            order_by=[Post.created_at, Post.id],
        )

    async def published(self, *, limit: int, cursor: str | None = None) -> Page[Post]:
        """Return a page of published posts with their authors, newest first.

        Args:
            limit: the size of the page.
            cursor: `next` or `previous` of another page; None for the first one.

        Raises:
            InvalidCursor: the cursor does not belong to this list.
        """
        return await self.paginate(
            Post.published.is_(True),
            order_by=[Post.created_at.desc(), Post.id.desc()],
            limit=limit,
            cursor=cursor,
            options=[joinedload(Post.author)],
        )

    async def search(self, words: str, *, limit: int = 20) -> Sequence[Post]:
        """Return published posts that contain all of the words, without their bodies."""
        return await self.all(
            Post.published,
            search(words, Post.title, Post.body),
            order_by=[Post.created_at.desc()],
            limit=limit,
            options=[load_only(Post.title, Post.created_at, raiseload=True)],
        )

    async def with_comments(self, post: Key) -> Post:
        """Return a post with its author, its comments, and their authors: in two queries."""
        comments = selectinload(Post.comments).joinedload(Comment.author)
        return await self.get_one(post, options=[joinedload(Post.author), comments])

    async def most_productive(self, *, at_least: int, limit: int = 10) -> Sequence[Productivity]:
        """Return the authors with the most published posts."""
        number = func.count(Post.id)
        statement = (
            select(User.username, number)
            .join(Post.author)
            .where(Post.published)
            .group_by(User.username)
            .having(number >= at_least)
            .order_by(number.desc(), User.username)
            .limit(limit)
        )
        return [Productivity(*row) for row in await self.session.execute(statement)]


class PostRepository(PostQueries, Repository[Post]):
    async def due(self, now: datetime.datetime, *, limit: int) -> Sequence[Post]:
        """Lock drafts that are due, and return them, the oldest first.

        It leaves out the drafts that another worker has locked, so workers share the work.
        """
        return await self.all(
            Post.published.is_(False),
            Post.publish_at <= now,
            order_by=[Post.publish_at],
            limit=limit,
            with_for_update={"skip_locked": True},
        )

    async def give(self, *, sender: Key, recipient: Key) -> None:
        """Give all posts of one author to another one, in one statement."""
        statement = update(Post).where(Post.author_id == sender).values(author_id=recipient)
        await self.session.execute(statement)
