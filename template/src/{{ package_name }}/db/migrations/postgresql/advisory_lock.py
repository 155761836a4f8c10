"""The advisory lock that a migration holds, so that no second one runs on the same database.

It belongs to a connection. The server releases it when the connection ends, also when the process
was killed.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

KEY = 0x616C656D6269
"""The letters "alembi", so that it is not a key of the application's."""


async def try_advisory_lock(connection: AsyncConnection) -> bool:
    """Take the lock if it is free, and say whether it was.

    A caller that has to wait asks again. A statement that waits would hold a snapshot, and a
    CREATE INDEX CONCURRENTLY of the other migration waits for the end of every older snapshot.
    """
    query = text("SELECT pg_try_advisory_lock(:key)")
    return bool(await connection.scalar(query, {"key": KEY}))
