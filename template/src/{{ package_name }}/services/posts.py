"""Writing and publishing posts."""

from ..models import Key, Post, User
from .protocols import UnitOfWork


async def write(
    uow: UnitOfWork, *, author: User, title: str, body: str, published: bool = False
) -> Post:
    """Write a post; a draft unless it is published at once."""
    return await uow.posts.add(
        Post(author_id=author.id, title=title, body=body, published=published)
    )


async def publish(uow: UnitOfWork, post: Key) -> Post:
    """Publish a draft.

    Raises:
        NotFound: there is no such post.
    """
    return await uow.posts.update(await uow.posts.get_one(post), published=True)
