"""The advisory lock that a migration holds, so that no second one runs on the same database.

It belongs to a connection. The server releases it when the connection ends, also after a SIGKILL.
Each role that may connect can take any advisory lock. So a migration that waits names the session that holds it.
"""

from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

KEY = int.from_bytes(sha256(__name__.encode()).digest()[:8], "big", signed=True)
"""The key of this project. Another project in the same database has another one."""


async def try_advisory_lock(connection: AsyncConnection) -> str | None:
    """Take the lock if it is free. Return None if it was free, else who holds it.

    A caller that must wait asks again. A waiting statement would hold a snapshot, and a CREATE
    INDEX CONCURRENTLY of the other migration waits until all older snapshots end.
    """
    if await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": KEY}):
        return None
    holder = (
        "SELECT format('pid %s of role %s', pid, usename) FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND database = datid AND granted AND objsubid = 1 "
        "AND (classid::bigint << 32) | objid::bigint = :key"
    )
    return await connection.scalar(text(holder), {"key": KEY}) or "another session"
