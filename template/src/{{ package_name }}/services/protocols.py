"""The part of a unit of work that the services use.

The real unit of work has it. The fakes of the unit tests have it too, and they need no database.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Protocol

from ..models import Key, Post, User


class Users(Protocol):
    async def add(self, entity: User, /) -> User: ...

    async def get_one(self, key: Key, /) -> User: ...

    async def update(self, entity: User, /, **values: object) -> User: ...

    async def delete(self, entity: User, /) -> None: ...

    async def lock(self, *keys: Key) -> Mapping[Key, User]: ...


class Posts(Protocol):
    async def add(self, entity: Post, /) -> Post: ...

    async def get_one(self, key: Key, /) -> Post: ...

    async def update(self, entity: Post, /, **values: object) -> Post: ...

    async def due(self, now: datetime.datetime, *, limit: int) -> Sequence[Post]: ...

    async def give(self, *, sender: Key, recipient: Key) -> None: ...


class UnitOfWork(Protocol):
    @property
    def users(self) -> Users: ...

    @property
    def posts(self) -> Posts: ...
