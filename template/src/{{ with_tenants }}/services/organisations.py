"""Founding organisations."""

from ..models import Key, Organisation, User
from ..unit_of_work import UnitOfWork
from .users import register


async def found(
    uow: UnitOfWork, key: Key, *, name: str, email: str, username: str, password: str
) -> User:
    """Add an organisation, register its first user, and return this user.

    Args:
        uow: the open unit of work, with the tenant `key`.
        key: what `new_key` of the repository returned.
        name: the name that its users give when they log in.
        email, username, password: as for `register`.

    Raises:
        UniqueViolation: another organisation has the name.
    """
    await uow.organisations.add(Organisation(id=key, name=name))
    return await register(uow, email=email, username=username, password=password)
