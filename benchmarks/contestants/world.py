"""The connections of each contestant, and the rows that it works on.

Each contestant has its own pool of ten connections, created as its documentation recommends.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from advanced_alchemy.config import AsyncSessionConfig, EngineConfig, SQLAlchemyAsyncConfig
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from shop.db import Database, DatabaseSettings

from .rows import Place, Row
from .tables import Item, Work

POOL = 10


@dataclass
class World:
    """Everything that a contestant may use."""

    scale: float
    raw: Any
    """The pool of asyncpg. It has type Any, because asyncpg has no types."""
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    pinging: async_sessionmaker[AsyncSession]
    """Sessions of an engine with `pool_pre_ping`."""
    database: Database[Work]
    alchemy: SQLAlchemyAsyncConfig

    keys: list[Any] = field(default_factory=list)
    """Keys of existing items, in random order, without duplicates."""
    rows: list[Row] = field(default_factory=list)
    """Rows to write, as dicts without keys."""
    records: list[tuple[object, ...]] = field(default_factory=list)
    """The same rows as tuples with keys, for COPY."""
    places: dict[int, Place] = field(default_factory=dict)
    """Where a page begins, by its depth in per cent."""
    mixed: tuple[Item, str | None] | None = None
    """Where a page of a mixed order begins: after this row, and at this cursor of ours."""
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    """The services. They end before the pools close."""
    ports: dict[str, int] = field(default_factory=dict)
    """The ports of the services, by contestant."""

    def scaled(self, number: int) -> int:
        """Return this number at the scale of the run, 2 at least."""
        return max(2, round(number * self.scale))

    @asynccontextmanager
    async def alchemy_session(self) -> AsyncIterator[AsyncSession]:
        """A session of advanced-alchemy that commits at its end, as the others do."""
        async with self.alchemy.get_session() as session, session.begin():
            yield session


@asynccontextmanager
async def open_world(url: str, scale: float) -> AsyncIterator[World]:
    """Open the pools, and close them at the end."""
    asyncpg_url = make_url(url).set(drivername="postgresql+asyncpg")
    engine, pinging = (
        create_async_engine(asyncpg_url, pool_size=POOL, max_overflow=0, pool_pre_ping=ping)
        for ping in (False, True)
    )
    alchemy = SQLAlchemyAsyncConfig(
        connection_string=asyncpg_url.render_as_string(hide_password=False),
        engine_config=EngineConfig(pool_size=POOL, max_overflow=0),
        session_config=AsyncSessionConfig(expire_on_commit=False),
    )
    settings = DatabaseSettings(_env_file=None, url=url, pool_size=POOL, max_overflow=0)
    try:
        async with (
            asyncpg.create_pool(url, min_size=1, max_size=POOL) as raw,
            Database(settings, Work) as database,
        ):
            world = World(
                scale=scale,
                raw=raw,
                engine=engine,
                sessions=async_sessionmaker(engine, expire_on_commit=False),
                pinging=async_sessionmaker(pinging, expire_on_commit=False),
                database=database,
                alchemy=alchemy,
            )
            async with world.stack:
                yield world
    finally:
        for each in (engine, pinging, alchemy.get_engine()):
            await each.dispose()
