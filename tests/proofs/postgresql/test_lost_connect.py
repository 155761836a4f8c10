"""A server that goes away while a program connects."""

import asyncio

import pytest

from shop.db import Database, DatabaseSettings, errors
from tests.proofs.support.accounts import Work


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_a_server_that_closes_a_new_connection_may_be_back_soon() -> None:
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = DatabaseSettings(_env_file=None, url=f"postgresql://me:x@127.0.0.1:{port}/a")
        async with Database(settings, Work) as database:
            with pytest.raises(errors.ConnectionFailure):
                async with database.unit_of_work() as work:
                    await work.accounts.count()
