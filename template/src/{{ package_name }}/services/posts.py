"""Writing and publishing posts."""

import datetime
from collections.abc import Sequence

from ..models import Key, Post, User
from .protocols import UnitOfWork


async def write(
    uow: UnitOfWork,
    *,
    author: User,
    title: str,
    body: str,
    published: bool = False,
    publish_at: datetime.datetime | None = None,
) -> Post:
    """Write a post.

    Args:
        uow: the open unit of work.
        author: the user who writes it.
        title: the title.
        body: the text.
        published: whether it is published now, or a draft.
        publish_at: when the worker publishes the draft, or None for never.
    """
    return await uow.posts.add(
        Post(
            author_id=author.id, title=title, body=body, published=published, publish_at=publish_at
        )
    )


async def publish(uow: UnitOfWork, post: Key) -> Post:
    """Publish a draft.

    Raises:
        NotFound: there is no such post.
    """
    return await uow.posts.update(await uow.posts.get_one(post), published=True)


async def publish_due(
    uow: UnitOfWork, now: datetime.datetime, *, limit: int = 100
) -> Sequence[Post]:
    """Publish drafts that are due at the time `now`, `limit` at most, and return them."""
    posts = await uow.posts.due(now, limit=limit)
    for post in posts:
        await uow.posts.update(post, published=True)
    return posts


async def give_posts(uow: UnitOfWork, *, sender: Key, recipient: Key) -> None:
    """Give all posts of one user to another user.

    Raises:
        NotFound: one of the users does not exist.
    """
    for user in (sender, recipient):
        await uow.users.get_one(user)
    await uow.posts.give(sender=sender, recipient=recipient)
