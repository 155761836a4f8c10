"""Writers that measure how long they wait for a migration.

They are a separate program, which the test does not slow down. It writes to the tables of the example
until its input ends, and prints the result.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import asyncpg

ROWS = 500_000  # FILL creates such keys
WRITERS = 8

FILL = """
    ALTER TABLE posts DROP CONSTRAINT fk_posts_author_id_users;
    INSERT INTO users (id, email, username, password_hash, bio)
    SELECT key::uuid, key, key, '', md5(key)
    FROM generate_series(1, 500000) AS n, lpad(to_hex(n), 32, '0') AS key;
    INSERT INTO posts (id, author_id, title, body) SELECT id, id, email, '' FROM users;
    ANALYZE users, posts
"""

INSERT_USER = (
    "INSERT INTO users (id, email, username, password_hash, bio) "
    "VALUES ($1::uuid, $1::uuid, $1::uuid, '', $1::uuid)"
)
UPDATE_USER = "UPDATE users SET credits = credits + 1 WHERE id = $1"
INSERT_POST = "INSERT INTO posts (id, author_id, title, body) VALUES ($1, $1, 'new', '')"
UPDATE_POST = "UPDATE posts SET published = NOT published WHERE id = $1"


@dataclass
class Load:
    """The result of the writes.

    Attributes:
        longest: the longest time of a write, in milliseconds.
    """

    writes: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list)

    async def write(self, url: str, started: asyncio.Barrier, end: asyncio.Event) -> None:
        """Do each kind of write in turn."""
        connection = await asyncpg.connect(url)
        await started.wait()
        try:
            while not end.is_set():
                new = uuid.uuid4()
                await self._measure(connection, INSERT_USER, new)
                await self._measure(connection, UPDATE_USER, known())
                await self._measure(connection, INSERT_POST, new)
                await self._measure(connection, UPDATE_POST, known())
                # Write slowly, so that the machine is not the limit, and waits for locks can be
                # seen.
                await asyncio.sleep(0.02)
        except asyncpg.PostgresError as error:
            self.errors.append(str(error))
        finally:
            await connection.close()

    async def _measure(self, connection: Any, statement: str, *values: object) -> None:
        start = time.perf_counter()
        await connection.execute(statement, *values)
        self.longest = max(self.longest, (time.perf_counter() - start) * 1000)
        self.writes += 1


def known() -> uuid.UUID:
    """Return the key of a row of `FILL`."""
    return uuid.UUID(int=random.randint(1, ROWS))  # noqa: S311  # no secret


@contextmanager
def writers(url: str) -> Iterator[Load]:
    """Let other processes write until the block ends. Then the result is known."""
    load, pipe = Load(), subprocess.PIPE
    command = [sys.executable, "-P", __file__, url]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as program:
        assert program.stdout
        assert program.stdout.readline() == "writing\n"
        try:
            yield load
        finally:
            output, _ = program.communicate(timeout=30)
    vars(load).update(json.loads(output))


async def main(url: str) -> None:
    load, started, end = Load(), asyncio.Barrier(WRITERS + 1), asyncio.Event()
    async with asyncio.TaskGroup() as writers:
        for _ in range(WRITERS):
            writers.create_task(load.write(url, started, end))
        await started.wait()
        print("writing", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        end.set()
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
