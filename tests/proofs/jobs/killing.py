"""Programs that use jobs, and a proxy that kills one of them at a message to the server."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import URL

Moment = Literal["before it is sent", "after it is sent", "before the answer"]
MOMENTS: tuple[Moment, ...] = ("before it is sent", "after it is sent", "before the answer")

# One unit of work rolls back, and the next one commits.
ENQUEUE = (
    "-c",
    """
import asyncio, sys
from contextlib import suppress
from shop.jobs import Welcome, enqueue
from shop.services.users import register
from shop.settings import Settings
from shop.unit_of_work import Database

async def main(name):
    async with Database(Settings().database) as database:
        with suppress(ZeroDivisionError):
            async with database.unit_of_work() as uow:
                user = await register(uow, email="u" + name, username="undone" + name, password="")
                await enqueue(uow, Welcome(user=user.id))
                1 / 0
        async with database.unit_of_work() as uow:
            user = await register(uow, email="d" + name, username="done" + name, password="")
            await enqueue(uow, Welcome(user=user.id))

asyncio.run(main(sys.argv[1]))
""",
)

# The worker of the recipe, and the same with shorter times.
WORKER = ("-m", "shop.entrypoints.jobs")
HASTY_WORKER = (
    "-c",
    """
import asyncio, datetime, pgqueuer

asyncio.run(pgqueuer.run(
    "shop.entrypoints.jobs:worker",
    heartbeat_timeout=datetime.timedelta(seconds=2),
    restart_on_failure=True,
    restart_delay=datetime.timedelta(seconds=0.1),
    shutdown_on_listener_failure=True,
))
""",
)


async def start(url: URL, *arguments: str) -> asyncio.subprocess.Process:
    """Start Python with these arguments, on a database."""
    environment = os.environ | {"DATABASE_URL": url.render_as_string(hide_password=False)}
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment)


@dataclass
class Killer:
    """A proxy that counts the messages to the server, and kills a process at one of them.

    Args:
        server: the URL of the server.
        at: the number of the message, counted from 1. 0 kills nothing.
        moment: when to kill, relative to that message.
    """

    server: URL
    at: int = 0
    moment: Moment = "before it is sent"
    messages: int = 0
    process: asyncio.Future[asyncio.subprocess.Process] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[URL]:
        """Yield the URL of the proxy. Set `process` after the program was started."""
        async with await asyncio.start_server(self._carry, "127.0.0.1", 0) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            yield self.server.set(host="127.0.0.1", port=port)

    async def _kill(self) -> None:
        (await self.process).kill()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(self.server.host, self.server.port)
        killing = False

        async def forth() -> None:
            nonlocal killing
            while data := await reader.read(65536):
                self.messages += 1
                now = self.messages == self.at
                if now and self.moment == "before it is sent":
                    await self._kill()
                    break
                killing = killing or (now and self.moment == "before the answer")
                requests.write(data)
                await requests.drain()
                if now and self.moment == "after it is sent":
                    await self._kill()
            requests.close()  # as the system does for a process that has ended

        async def back() -> None:
            while data := await answers.read(65536):
                if killing:
                    await self._kill()
                    break
                writer.write(data)
            writer.close()

        with suppress(ConnectionError):
            await asyncio.gather(forth(), back())
        requests.close()
        writer.close()
