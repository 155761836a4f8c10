"""The pool of connections. It knows which code holds them, and checks idle ones before use.

* A task that waits too long gets a `PoolTimeout`. The message names the code that has held
  connections longest. This costs some microseconds for each check-out.
* If code holds a connection for longer than `log_checkouts_longer_than`, the pool logs a warning
  when the connection comes back. The warning names the code.
* `Database.pool` has numbers for monitoring, see `PoolStatus`.

A transaction that waits for something else than the database (a mail, another service) exhausts a
pool. Do that work before or after the transaction. A larger pool does not help.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, NamedTuple, cast

from sqlalchemy import AdaptedConnection, AsyncAdaptedQueuePool, Pool, event, exc
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from ..dialect import dialect
from ..errors import PoolTimeout
from ..settings import DatabaseSettings
from .call_site import CallSite, find_call_site

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """What the pool does now, and what it has done since the engine was created."""

    size: int
    """`pool_size`: connections that are kept."""
    checked_out: int
    """Connections that are in use, or are being opened."""
    overflow: int
    """Connections that are open beyond `size`."""
    checkouts: int
    """How often a connection was handed out."""
    timeouts: int
    """How often a task waited and got no connection (`PoolTimeout`)."""
    opened: int
    """Connections that were opened."""
    closed: int
    """Connections that were closed: old, broken or beyond `size`."""


class _Checkout(NamedTuple):
    since: float
    call_site: CallSite | None

    def __str__(self) -> str:
        return f"{monotonic() - self.since:.1f} s, taken at {self.call_site or 'an unknown place'}"


class QueuePool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, which knows the code that holds connections, and what the pool has done."""

    # A private attribute. It keeps the messages of `echo_pool` below the logger "sqlalchemy",
    # because programs configure that logger.
    _sqla_logger_namespace = "sqlalchemy.pool.impl.AsyncAdaptedQueuePool"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held: dict[ConnectionPoolEntry, _Checkout] = {}
        self.counts = Counter(checkouts=0, timeouts=0, opened=0, closed=0)

    def connect(self) -> PoolProxiedConnection:
        """Hand out a connection.

        Raises:
            PoolTimeout: no connection became free within `pool_timeout`.
        """
        try:
            return super().connect()
        except exc.TimeoutError as error:
            self.counts["timeouts"] += 1
            raise PoolTimeout(self.explain(self.timeout())) from error

    def recreate(self) -> "QueuePool":
        """Return a new pool that keeps these counts. `dispose` calls this."""
        self.held.clear()  # a connection in use is closed when it comes back
        pool: Any = super().recreate()
        pool.held, pool.counts = self.held, self.counts
        return cast("QueuePool", pool)

    @property
    def exhausted(self) -> bool:
        """Whether all connections are in use. A connection that is still being opened is not."""
        return len(self.held) >= self.size() + self._max_overflow

    def explain(self, waited: float) -> str:
        """Say in one sentence why no connection is free, and which code holds them longest."""
        held = sorted(self.held.values(), key=lambda checkout: checkout.since)[:3]
        size = f"pool_size {self.size()}, max_overflow {self._max_overflow}"
        told = f"no connection became free within {waited:.1f} s, because all of them are in use"
        return f"{told} ({size})" + ("; held longest: " + "; ".join(map(str, held)) if held else "")

    def report(self) -> PoolStatus:
        """Return the numbers."""
        return PoolStatus(self.size(), self.checkedout(), max(0, self.overflow()), **self.counts)


def watch(pool: Pool, settings: DatabaseSettings) -> None:
    """Ping idle connections before use, count what the pool does, and log what is held too long.

    SQLAlchemy's `pool_pre_ping` pings at every check-out, which costs a round trip each time. A
    connection that answered a moment ago is alive. HikariCP has this as `aliveBypassWindowMs`.
    """
    held: dict[ConnectionPoolEntry, _Checkout] = getattr(pool, "held", {})
    counts: dict[str, int] = getattr(pool, "counts", Counter())

    @event.listens_for(pool, "checkout")
    def check_out(connection: AdaptedConnection, record: ConnectionPoolEntry, _: object) -> None:
        # A new one was never idle.
        stale = monotonic() - record.info.get("idle_since", inf) > settings.pool_ping_after_idle
        if stale and not dialect.ping(connection, settings.connect_timeout):
            raise exc.InvalidatePoolError
        held[record] = _Checkout(monotonic(), find_call_site())
        counts["checkouts"] += 1

    @event.listens_for(pool, "checkin")
    def check_in(_: object, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = monotonic()
        checkout, limit = held.pop(record, None), settings.log_checkouts_longer_than
        if checkout and limit and monotonic() - checkout.since > limit:
            logger.warning("a connection was held for %s", checkout)

    @event.listens_for(pool, "connect")
    def count_opened(_: object, record: ConnectionPoolEntry) -> None:
        record.info["opened"] = True
        counts["opened"] += 1

    @event.listens_for(pool, "close")
    def count_closed(_: object, record: ConnectionPoolEntry) -> None:
        if record.info.pop("opened", False):  # the event may come twice
            counts["closed"] += 1
