"""Another program that reads and writes a table while a migration runs in this process."""

import asyncio
import datetime
import time
from threading import Event, Thread
from typing import Any, Self

import asyncpg
from sqlalchemy import URL

from tests.proofs.support.history import LOCK_TIMEOUT

PATIENCE = datetime.timedelta(milliseconds=LOCK_TIMEOUT * 1.2)

# A session waits for the reader, and the writer does not wait for that session. For example,
# CREATE INDEX CONCURRENTLY waits so, without a limit.
WAITS_AND_BLOCKS_NOBODY = """
    SELECT count(*) > 0 FROM pg_stat_activity
    WHERE $1 = ANY (pg_blocking_pids(pid)) AND pid <> ALL (pg_blocking_pids($2))
    AND clock_timestamp() - query_start > $3
"""


class Traffic:
    """A reader whose transaction stays open, and a writer that measures how long it waits.

    Each has its own connection, in another thread. The reader ends when the caller says so,
    when a session has waited for it for longer than a lock timeout and blocks nobody, or after 10 s.

    Attributes:
        longest: the longest time of a write, in milliseconds.
    """

    def __init__(self, url: URL, table: str) -> None:
        self.longest = 0.0
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._table = table
        self._started, self._reader_ends, self._end = Event(), Event(), Event()
        self._thread = Thread(target=asyncio.run, args=(self._run(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        self._reader_ends.set()
        self._end.set()
        self._thread.join()

    def end_reader(self) -> None:
        """End the transaction of the reader. The writer goes on."""
        self._reader_ends.set()

    async def _run(self) -> None:
        reader, writer, observer = [await asyncpg.connect(self._url) for _ in range(3)]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(reader, writer, observer))
                tasks.create_task(self._write(writer))
        finally:
            for connection in (reader, writer, observer):
                await connection.close()

    async def _read(self, reader: Any, writer: Any, observer: Any) -> None:
        pids = reader.get_server_pid(), writer.get_server_pid()
        end = time.monotonic() + 10
        async with reader.transaction():
            await reader.execute(f"LOCK TABLE {self._table} IN ACCESS SHARE MODE")
            self._started.set()
            while not self._reader_ends.is_set() and time.monotonic() < end:
                if await observer.fetchval(WAITS_AND_BLOCKS_NOBODY, *pids, PATIENCE):
                    break
                await asyncio.sleep(0.02)

    async def _write(self, writer: Any) -> None:
        update = f"UPDATE {self._table} SET email = email WHERE id = 6"  # noqa: S608  # a name of ours
        while not self._end.is_set():
            start = time.perf_counter()
            await writer.execute(update)
            self.longest = max(self.longest, (time.perf_counter() - start) * 1000)
            await asyncio.sleep(0.005)  # so that the machine is not the limit
