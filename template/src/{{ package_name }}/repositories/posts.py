"""The posts, as the domain asks for them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, tuple_
from sqlalchemy.orm import joinedload

from ..models import Key, Post
from .base import Repository


class PostRepository(Repository[Post]):
    model = Post

    async def by_author(self, author: Key, *, drafts: bool = False) -> Sequence[Post]:
        """Return an author's posts, oldest first, and the drafts too if asked for."""
        states = [True, False] if drafts else [True]
        return await self.get_many(
            Post.author_id == author,
            Post.published.in_(states),
            order_by=[Post.created_at, Post.id],
        )

    async def published(self, *, limit: int, after: Post | None = None) -> Sequence[Post]:
        """Return a page of published posts with their authors, newest first.

        Args:
            limit: the size of the page.
            after: the last post of the page before. The page starts at that place and not at a
                number, so it is as fast at any depth, and right while posts are added.
        """
        criteria: list[ColumnElement[bool]] = [Post.published.is_(True)]
        if after is not None:
            criteria.append(tuple_(Post.created_at, Post.id) < tuple_(after.created_at, after.id))
        return await self.get_many(
            *criteria,
            order_by=[Post.created_at.desc(), Post.id.desc()],
            limit=limit,
            load=[joinedload(Post.author)],
        )
