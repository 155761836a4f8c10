"""Which PostgreSQL the tests run on, and why.

1. ``TEST_DATABASE_URL``: a server that is there already. The URL is for administration only: its
   user must be allowed to create databases, its own database stays as it is. It must not lead
   through a pooler. Certificates are named by ``PGSSLROOTCERT`` and its like.
2. ``TEST_POSTGRES=docker`` or ``TEST_POSTGRES=embedded``: that one and no other.
3. Neither: Docker if its daemon answers and has or gets the image, else embedded.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import URL, NullPool, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from .container import ContainerPostgres, obstacle
from .embedded import EmbeddedPostgres, ServerError, find_binaries


class ExternalPostgres:
    """The server that TEST_DATABASE_URL leads to, started and stopped by others."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url, "TEST_DATABASE_URL")

    def start(self) -> str:
        """Return the URL, after a look whether it leads to a server that will do."""
        try:
            may_create = asyncio.run(self._may_create_databases())
        except Exception as error:  # the system's, asyncpg's and SQLAlchemy's, each its own kind
            raise ServerError(f"TEST_DATABASE_URL leads nowhere: {first_line(error)}") from error
        if not may_create:
            raise ServerError("the user of TEST_DATABASE_URL may not create databases")
        return self._url.render_as_string(hide_password=False)

    def stop(self) -> None:
        """Leave it running."""

    async def _may_create_databases(self) -> bool:
        query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        async with connect(self._url) as connection:
            return bool(await connection.scalar(text(query)))


@dataclass
class Source:
    """A choice; nothing runs before ``start``.

    Attributes:
        kind: ``external``, ``docker`` or ``embedded``.
        reason: Why, as half a sentence.
        server: What starts and stops it.
        explicit: Whether somebody asked for it, so that nothing else will do.
    """

    kind: str
    reason: str
    server: ExternalPostgres | ContainerPostgres | EmbeddedPostgres
    explicit: bool = True

    def __str__(self) -> str:
        return f"PostgreSQL: {self.kind}, because {self.reason}"

    def start(self) -> URL:
        """Start the server; if Docker was only a guess and fails, embedded takes its place.

        Returns:
            The superuser's URL, or what TEST_DATABASE_URL says.

        Raises:
            ServerError: the server cannot be had.
        """
        try:
            return parse_url(self.server.start())
        except ServerError as error:
            if self.explicit:
                raise
            if self.kind == "embedded":
                raise ServerError(f"{self.reason}, and {error}") from error
            self.kind, self.reason, self.server = "embedded", str(error), EmbeddedPostgres()
            return self.start()


def choose(environment: Mapping[str, str] = os.environ) -> Source:
    """Choose by the rules above; takes a fraction of a second, starts nothing.

    Raises:
        ServerError: what was asked for explicitly is unknown or cannot be had.
    """
    wanted = environment.get("TEST_POSTGRES", "")
    if wanted not in ("", "docker", "embedded"):
        raise ServerError(f"TEST_POSTGRES is docker, embedded or unset, not {wanted!r}")
    if url := environment.get("TEST_DATABASE_URL"):
        return Source("external", "TEST_DATABASE_URL is set", ExternalPostgres(url))
    if wanted == "embedded":
        find_binaries()
        return Source("embedded", "TEST_POSTGRES asks for it", EmbeddedPostgres())
    no_docker = obstacle()
    if wanted == "docker":
        if no_docker:
            raise ServerError(f"TEST_POSTGRES asks for docker, but {no_docker}")
        return Source("docker", "TEST_POSTGRES asks for it", ContainerPostgres())
    if no_docker:
        return Source("embedded", no_docker, EmbeddedPostgres(), explicit=False)
    return Source("docker", "its daemon answers", ContainerPostgres(), explicit=False)


def parse_url(url: str, name: str = "URL") -> URL:
    """A PostgreSQL URL of any form as one for asyncpg.

    ``postgres://`` and every driver will do; libpq's ``sslmode`` becomes ``ssl``; parameters that
    asyncpg does not know, as managed databases and poolers append them, are left out.

    Raises:
        ServerError: it is none; the message has ``name`` instead of the URL and its password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = URL.create("none")
    if not parsed.drivername.startswith("postgres"):
        raise ServerError(f"{name} is not like postgresql://user:password@host:5432/name")
    query = {key: parsed.query[key] for key in ("host", "port") if key in parsed.query}
    if mode := parsed.query.get("sslmode") or parsed.query.get("ssl"):
        query["ssl"] = "require" if mode == "true" else mode
    return parsed.set(drivername="postgresql+asyncpg", query=query)


def first_line(error: Exception) -> str:
    """What `error` says, without SQLAlchemy's links and lists of parameters."""
    return str(error).partition("\n")[0] or type(error).__name__


@asynccontextmanager
async def connect(url: URL) -> AsyncIterator[AsyncConnection]:
    """One connection in autocommit, as CREATE DATABASE wants it."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        yield connection
