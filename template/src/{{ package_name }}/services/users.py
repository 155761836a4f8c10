"""Registering, deactivating and removing users."""

import asyncio
import datetime

from argon2 import PasswordHasher

from ..models import Key, User
from .posts import give_posts, write
from .protocols import UnitOfWork


async def register(uow: UnitOfWork, *, email: str, username: str, password: str) -> User:
    """Register a user.

    Args:
        uow: the open unit of work.
        email: the address. It is stored in lower case, so two spellings are one address.
        username: the name that others see.
        password: only its Argon2 hash is stored.

    Raises:
        UniqueViolation: another user has the e-mail or the username. `constraint` says which.
    """
    # Hashing is slow on purpose. A thread does it, so the event loop is not blocked.
    password_hash = await asyncio.to_thread(PasswordHasher().hash, password)
    return await uow.users.add(
        User(email=email, username=username, password_hash=password_hash, credits=0)
    )


async def register_with_welcome_post(
    uow: UnitOfWork, *, email: str, username: str, password: str
) -> User:
    """Register a user, and publish a first post in their name."""
    user = await register(uow, email=email, username=username, password=password)
    await write(uow, author=user, title="Hello", body=f"I am {username}.", published=True)
    return user


async def set_active(uow: UnitOfWork, user: Key, active: bool) -> User:
    """Allow a user to log in, or forbid it.

    Raises:
        NotFound: the user does not exist.
    """
    deactivated_at = None if active else datetime.datetime.now(datetime.UTC)
    return await uow.users.update(await uow.users.get_one(user), deactivated_at=deactivated_at)


async def remove(uow: UnitOfWork, user: Key, *, heir: Key | None = None) -> None:
    """Delete a user. The heir gets the posts; without an heir they are deleted too.

    Raises:
        ValueError: the heir is the user.
        NotFound: the user or the heir does not exist.
    """
    if heir == user:
        raise ValueError("the heir must be another user")
    leaving = await uow.users.get_one(user)
    if heir is not None:
        await give_posts(uow, sender=user, recipient=heir)
    await uow.users.delete(leaving)
