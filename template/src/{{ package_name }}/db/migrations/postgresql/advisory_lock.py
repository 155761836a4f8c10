"""The advisory lock that a migration holds, so that no second one runs on the same database.

It belongs to a connection. The server releases it when the connection ends, also after a SIGKILL.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

KEY = 0x616C656D6269
"""The letters "alembi", a key that the application does not use."""


async def try_advisory_lock(connection: AsyncConnection) -> bool:
    """Take the lock if it is free. Return whether it was free.

    A caller that must wait asks again. A waiting statement would hold a snapshot, and a CREATE
    INDEX CONCURRENTLY of the other migration waits until all older snapshots end.
    """
    query = text("SELECT pg_try_advisory_lock(:key)")
    return bool(await connection.scalar(query, {"key": KEY}))
