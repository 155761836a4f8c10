"""Several processes of uvicorn. A container runs as many with WEB_CONCURRENCY."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import httpx
import pytest
from sqlalchemy import URL


class Workers:
    """The processes that serve the application.

    Args:
        process: the parent of the processes.
        log: the file with their standard error.
    """

    def __init__(self, process: Process, log: Path) -> None:
        self.process = process
        self._log = log

    def client(self) -> httpx.AsyncClient:
        """Return a client with one connection. The process that accepts it answers all requests."""
        [address] = re.findall(r"running on (\S+)", self._log.read_text())
        limits = httpx.Limits(max_connections=1)
        return httpx.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False)

    def logged(self, event: str) -> int:
        """Return how many times the log has this text."""
        return self._log.read_text().count(event)

    async def until_logged(self, event: str, times: int) -> None:
        """Wait until the log has this text so many times, for a minute at most."""
        async with asyncio.timeout(60):
            while self.logged(event) < times:
                if self.process.returncode is not None:
                    pytest.fail(self._log.read_text())
                await asyncio.sleep(0.02)  # another process writes the log


@asynccontextmanager
async def workers(url: URL, number: int, **settings: str) -> AsyncIterator[Workers]:
    """Serve the application in several processes until the block ends.

    Args:
        url: the database.
        number: the number of the processes.
        settings: more settings of the database, as environment variables.
    """
    environment = os.environ | settings
    environment["DATABASE_URL"] = url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "uvicorn", "tests.proofs.fastapi.served:app"]
    command += ["--workers", str(number), "--port", "0"]
    command += ["--timeout-graceful-shutdown", "30"]
    with NamedTemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        service = Workers(process, Path(log.name))
        try:
            await service.until_logged("Application startup complete", number)
            yield service
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
