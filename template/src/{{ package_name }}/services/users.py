"""Registering users, and letting them go."""

import asyncio
import datetime

from argon2 import PasswordHasher

from ..models import Key, User
from .posts import give_posts, write
from .protocols import UnitOfWork


async def register(uow: UnitOfWork, *, email: str, username: str, password: str) -> User:
    """Register a user.

    Args:
        email: kept in lower case, so that two spellings are one address.
        username: as it will be shown.
        password: kept as an Argon2 hash only.

    Raises:
        UniqueViolation: the e-mail or the username is taken; `constraint` says which.
    """
    # Hashing is slow on purpose; in a thread, so that the event loop goes on meanwhile.
    password_hash = await asyncio.to_thread(PasswordHasher().hash, password)
    return await uow.users.add(
        User(email=email, username=username, password_hash=password_hash, credits=0)
    )


async def register_with_welcome_post(
    uow: UnitOfWork, *, email: str, username: str, password: str
) -> User:
    """Register a user and publish a first post in their name: both or neither."""
    user = await register(uow, email=email, username=username, password=password)
    await write(uow, author=user, title="Hello", body=f"I am {username}.", published=True)
    return user


async def set_active(uow: UnitOfWork, user: Key, active: bool) -> User:
    """Let a user log in, or no longer.

    Raises:
        NotFound: there is no such user.
    """
    deactivated_at = None if active else datetime.datetime.now(datetime.UTC)
    return await uow.users.update(await uow.users.get_one(user), deactivated_at=deactivated_at)


async def remove(uow: UnitOfWork, user: Key, *, heir: Key | None = None) -> None:
    """Delete a user, with the posts unless an heir takes them over: all of it or nothing.

    Raises:
        ValueError: the heir is the user.
        NotFound: there is no such user, or no such heir.
    """
    if heir == user:
        raise ValueError("the heir must be another user")
    leaving = await uow.users.get_one(user)
    if heir is not None:
        await give_posts(uow, sender=user, recipient=heir)
    await uow.users.delete(leaving)
