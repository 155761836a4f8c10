"""The function that observes a database: spans of statements, events, and metrics of the pool."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from weakref import WeakSet

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from ..engine.pool import PoolStatus
from ..settings import DatabaseSettings
from ..unit_of_work.database import Database
from .spans import Attributes, trace_statements

_STATE = "db.client.connection.state"

_Figures = Callable[[DatabaseSettings, PoolStatus], dict[str, int]]  # by state of connections
_observed: WeakSet[Database[Any, Any]] = WeakSet()


def observe(database: Database[Any, Any], attributes: Attributes = dict) -> None:
    """Send traces and metrics of a database to the providers of this process.

    Args:
        database: the database. A second call for the same one adds no spans.
        attributes: a function that returns more attributes, such as the user. When a statement has ended,
            the spans of the statement and of the request get them.

    Call it after you configure the log, because that replaces the hooks of retries. In FastAPI's
    lifespan, call it inside of `serving`.
    """
    if database not in _observed:
        for engine in {database.choose_engine(read_only=each) for each in (False, True)}:
            slow = database.settings.log_statements_longer_than
            trace_statements(engine, slow=slow, attributes=attributes)
    hooks = [each for each in get_on_retry_hooks() if each is not _add_retry]
    set_on_retry_hooks([*hooks, _add_retry])
    _observed.add(database)
    _measure_pools()


def _add_retry(details: RetryDetails) -> None:
    error = type(details.caused_by).__name__
    trace.get_current_span().add_event("retry", {"attempt": details.retry_num, "error.type": error})


@cache  # a process creates an instrument only once
def _measure_pools() -> None:
    meter = metrics.get_meter(__name__)
    count = meter.create_observable_up_down_counter
    count("db.client.connection.count", [_read(_connections)], "{connection}")
    count("db.client.connection.max", [_read(_most)], "{connection}")
    timeouts = [_read(lambda _, pool: {"": pool.timeouts})]
    meter.create_observable_counter("db.client.connection.timeouts", timeouts, "{timeout}")


def _read(figures: _Figures) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def observations(_: CallbackOptions) -> Iterator[Observation]:
        for database in list(_observed):
            labels = {"db.client.connection.pool.name": database.settings.application_name}
            if pool := database.pool:
                for state, value in figures(database.settings, pool).items():
                    yield Observation(value, labels | ({_STATE: state} if state else {}))

    return observations


def _connections(_: DatabaseSettings, pool: PoolStatus) -> dict[str, int]:
    return {"used": pool.checked_out, "idle": max(0, pool.opened - pool.closed - pool.checked_out)}


def _most(settings: DatabaseSettings, _: PoolStatus) -> dict[str, int]:
    return {"": settings.pool_size + settings.max_overflow}
