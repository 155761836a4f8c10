"""The pool: who has to wait learns who holds the connections, and no stale one is handed out.

* A pool that is exhausted is a `PoolTimeout` which says where the connections were taken that are
  held longest. That costs some microseconds a check-out.
* A check-out of longer than `log_checkouts_longer_than` is a warning of this logger at check-in,
  with the place where it was taken.
* `Database.pool` has the numbers for a gauge: see `PoolStatus`.

A transaction that waits for something else than the database (a mail, another service) is what
exhausts a pool: do that before it or after it, rather than make the pool larger.
"""

import logging
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple

import asyncpg
import sqlalchemy.exc
from sqlalchemy import AdaptedConnection, AsyncAdaptedQueuePool, Pool, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from .errors import PoolTimeout
from .origin import Origin, find_origin

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """What the pool does now, and what it did since the engine was made."""

    size: int
    """`pool_size`: connections that are kept."""
    checked_out: int
    """Connections in use, or just being opened."""
    overflow: int
    """Connections that are open beyond `size`."""
    checkouts: int
    """How often a connection was handed out."""
    timeouts: int
    """How often nobody gave one back in time (`PoolTimeout`)."""
    opened: int
    """Connections that were opened."""
    closed: int
    """Connections that were closed, whether old, broken or beyond `size`."""


class _Checkout(NamedTuple):
    since: float
    origin: Origin | None

    def __str__(self) -> str:
        return f"{monotonic() - self.since:.1f} s, taken at {self.origin or 'an unknown place'}"


class Usage:
    """Who holds connections of an engine's pool, and how often what happened to it."""

    def __init__(self) -> None:
        self.held: dict[ConnectionPoolEntry, _Checkout] = {}
        self.counts = dict.fromkeys(("checkouts", "timeouts", "opened", "closed"), 0)


class QueuePool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, with an error that explains itself."""

    # Private, but there is no other way to keep what `echo_pool` logs below the logger "sqlalchemy",
    # where its handler and everybody's configuration are.
    _sqla_logger_namespace = "sqlalchemy.pool.impl.AsyncAdaptedQueuePool"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.usage = Usage()

    def connect(self) -> PoolProxiedConnection:
        """Hand out a connection.

        Raises:
            PoolTimeout: none became free within `pool_timeout`.
        """
        started = monotonic()
        try:
            return super().connect()
        except sqlalchemy.exc.TimeoutError as error:
            self.usage.counts["timeouts"] += 1
            raise PoolTimeout(self.explain(monotonic() - started)) from error

    def recreate(self) -> "QueuePool":
        """Return a pool like this one, that goes on with its counts; `dispose` asks for it."""
        pool = super().recreate()
        assert isinstance(pool, QueuePool)
        self.usage.held.clear()  # what is still in use is closed when it is given back
        pool.usage = self.usage
        return pool

    @property
    def exhausted(self) -> bool:
        """Whether all connections are in somebody's hands; one that is just opened is in nobody's."""
        return len(self.usage.held) >= self.size() + self._max_overflow

    def explain(self, waited: float) -> str:
        """Say in one sentence why nobody got a connection, and who holds them longest."""
        longest = sorted(self.usage.held.values(), key=lambda checkout: checkout.since)[:3]
        return (
            f"no connection became free within {waited:.1f} s, all are in use (pool_size"
            f" {self.size()}, max_overflow {self._max_overflow}); held longest: "
            + "; ".join(map(str, longest))
        )

    def report(self) -> PoolStatus:
        """Return the numbers."""
        overflow = max(0, self.overflow())
        return PoolStatus(self.size(), self.checkedout(), overflow, **self.usage.counts)


def watch(pool: Pool, log_longer_than: float) -> None:
    """Keep account of what is checked out, and log what was held for longer; 0 logs nothing."""
    usage = pool.usage if isinstance(pool, QueuePool) else Usage()
    held, counts = usage.held, usage.counts

    @event.listens_for(pool, "checkout")
    def check_out(
        _: DBAPIConnection, record: ConnectionPoolEntry, __: PoolProxiedConnection
    ) -> None:
        held[record] = _Checkout(monotonic(), find_origin())
        counts["checkouts"] += 1

    @event.listens_for(pool, "checkin")
    def check_in(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        checkout = held.pop(record, None)
        if checkout and log_longer_than and monotonic() - checkout.since > log_longer_than:
            logger.warning("a connection was held for %s", checkout)

    @event.listens_for(pool, "connect")
    def count_opened(_: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["opened"] = True
        counts["opened"] += 1

    @event.listens_for(pool, "close")
    def count_closed(_: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        if record.info.pop("opened", False):  # the event may come twice
            counts["closed"] += 1


def ping_after_idle(pool: Pool, seconds: float, timeout: float) -> None:
    """Ping a connection before use when it was idle for longer than `seconds`.

    `pool_pre_ping` would ask at every check-out. The idea is HikariCP's: a connection that answered
    a moment ago is alive, see `aliveBypassWindowMs` there.
    """

    @event.listens_for(pool, "checkin")
    def remember(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = monotonic()

    @event.listens_for(pool, "checkout")
    def ping(
        connection: AdaptedConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection
    ) -> None:
        idle_since = record.info.get("idle_since")
        if idle_since is None or monotonic() - idle_since <= seconds:
            return
        try:
            # Without arguments this is the simple protocol: one round trip, nothing prepared.
            connection.run_async(lambda driver: driver.execute("SELECT 1", timeout=timeout))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise sqlalchemy.exc.InvalidatePoolError from error
