"""Registering users."""

import asyncio

from argon2 import PasswordHasher

from ..models import User
from .posts import write
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
        User(email=email.lower(), username=username, password_hash=password_hash, credits=0)
    )


async def register_with_welcome_post(
    uow: UnitOfWork, *, email: str, username: str, password: str
) -> User:
    """Register a user and publish a first post in their name: both or neither."""
    user = await register(uow, email=email, username=username, password=password)
    await write(uow, author=user, title="Hello", body=f"I am {username}.", published=True)
    return user
