"""A network that loses all packets: nobody tells the program that the server is gone."""

import asyncio
import ctypes
import socket
import struct
import sys
from typing import Any

import pytest
from sqlalchemy import text

from shop.db import Database, DatabaseSettings, errors
from shop.db.postgresql import connect
from tests.proofs.support.accounts import Work

SO_ATTACH_FILTER = 26
RETURN_NOTHING = struct.pack("HBBI", 6, 0, 0, 0)  # an instruction of a packet filter


def lose_packets(driver: Any) -> None:
    """Let the kernel drop each packet for a connection."""
    program = ctypes.create_string_buffer(RETURN_NOTHING)
    opened = driver._transport.get_extra_info("socket")
    programs = struct.pack("HL", 1, ctypes.addressof(program))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, programs)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has filters of this form")
async def test_a_task_does_not_wait_for_a_server_that_is_gone(
    bank: Database[Work], proof_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connect._KEEPALIVE["TCP_USER_TIMEOUT"] == 30_000
    quick = {name: 1000 if name == "TCP_USER_TIMEOUT" else 1 for name in connect._KEEPALIVE}
    monkeypatch.setattr(connect, "_KEEPALIVE", quick)

    async def ask_after_the_loss() -> None:
        async with database.unit_of_work() as work:
            raw = await (await work.session.connection()).get_raw_connection()
            lose_packets(raw.driver_connection)
            await work.session.execute(text("SELECT 1"))

    async def lose_the_answer() -> None:
        async with database.unit_of_work() as work:
            raw = await (await work.session.connection()).get_raw_connection()
            driver: Any = raw.driver_connection
            asking = asyncio.create_task(work.session.execute(text("SELECT pg_sleep(60)")))
            pid = {"pid": driver.get_server_pid()}
            # A transaction sees the sessions as they were when it looked first.
            while not await ask("state = 'active' FROM pg_stat_activity WHERE pid = :pid", pid):
                pass
            lose_packets(driver)
            try:
                await asking
            finally:
                await ask("pg_terminate_backend(:pid)", pid)

    async def ask(question: str, values: dict[str, int]) -> Any:
        async with bank.unit_of_work() as work:
            return await work.session.scalar(text(f"SELECT {question}"), values)

    async with Database(proof_settings, Work) as database, asyncio.timeout(20):
        ends = await asyncio.gather(ask_after_the_loss(), lose_the_answer(), return_exceptions=True)
        assert [type(each) for each in ends] == [errors.ConnectionFailure] * 2
        async with database.unit_of_work() as work:  # on a new connection
            assert await work.accounts.count() == 2
        assert database.pool is not None
        assert database.pool.checked_out == 0
