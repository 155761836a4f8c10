"""A server that a test can stop and start."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import URL

from shop.models import Base
from tests.proofs.support.faults import opened
from tools.embedded import Cluster, find_binaries


class Restartable:
    """A server for some tests alone, because the others need the server of the run."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        self._cluster = cluster
        # Without fsync, a commit survives a crash of the server, but not of the machine.
        self._settings = {"port": str(port), "fsync": "off", "max_connections": "100"}
        self.url = URL.create("postgresql", "me", "secret", "127.0.0.1", port, "postgres")

    async def start(self) -> bool:
        return await asyncio.to_thread(self._cluster.start, self._settings)

    async def stop(self, mode: str = "fast") -> None:
        await asyncio.to_thread(self._cluster.stop, mode)

    async def restart(self, mode: str) -> None:
        await self.stop(mode)
        assert await self.start()


@pytest.fixture(scope="module")
async def server_of_our_own() -> AsyncIterator[Restartable]:
    with TemporaryDirectory() as directory:
        cluster = Cluster(Path(directory), find_binaries())
        await asyncio.to_thread(
            cluster.create, "me", "ALTER ROLE me PASSWORD 'secret'\n", "--no-sync"
        )
        while True:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                server = Restartable(cluster, probe.getsockname()[1])
            if await server.start():  # otherwise another program took the port meanwhile
                break
        try:
            yield server
        finally:
            await server.stop("immediate")


@pytest.fixture
async def restartable(server_of_our_own: Restartable) -> Restartable:
    """The server of this module, with empty tables."""
    async with (
        opened(server_of_our_own.url) as database,
        database.engine.begin() as connection,
    ):
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    return server_of_our_own
