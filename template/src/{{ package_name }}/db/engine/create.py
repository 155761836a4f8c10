"""The function that creates the engine of an application. The engine connects when it is first used."""

from typing import Any

from sqlalchemy import NullPool, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from ..dialect import dialect
from ..errors import Error
from ..settings import DatabaseSettings
from .aborted_commit import refuse_aborted_commit
from .overlap import refuse_overlap
from .pool import QueuePool, watch
from .query_log import log_repeated_queries, log_slow_queries
from .translation import translate


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine with the pool, the timeouts and the guards that the settings describe.

    It raises the errors of `errors.py`. The driver's error is the `__cause__`. The caller must call
    `dispose()` on the engine.
    """
    queue_names = {"pool_size", "max_overflow", "pool_timeout", "pool_recycle"}
    queue = {"poolclass": QueuePool, **settings.model_dump(include=queue_names)}
    pool: Any = queue if settings.pool == "queue" else {"poolclass": NullPool}
    engine = dialect.create_engine(
        settings.url,
        timeouts={} if settings.pgbouncer else settings.timeouts,
        transaction_pooling=settings.pgbouncer,
        hide_parameters=True,
        **settings.model_dump(include={"application_name", "connect_timeout", "echo", "echo_pool"}),
        **pool,
    )
    refuse_overlap(engine)  # the first one, so that the others do not see refused statements
    refuse_aborted_commit(engine)
    _translate_errors(engine)
    watch(engine.sync_engine.pool, settings)
    if settings.log_statements_longer_than:
        log_slow_queries(engine, settings.log_statements_longer_than)
    if settings.log_statements_repeated_more_than:
        log_repeated_queries(engine, settings.log_statements_repeated_more_than)
    return engine


def _translate_errors(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "handle_error")
    def translate_error(context: ExceptionContext) -> Error | None:
        if context.sqlalchemy_exception is not None:
            return translate(context.sqlalchemy_exception)
        # Otherwise it is a cancellation, or a row that Python cannot hold, such as the year 10000.
        row = context.original_exception
        return dialect.value_error(row) if isinstance(row, ValueError | OverflowError) else None

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(driver: Dialect, _: object, args: Any, kwargs: Any) -> DBAPIConnection:
        # SQLAlchemy does not know most of these as errors of the driver, so it would not wrap them.
        try:
            return driver.connect(*args, **kwargs)
        except (OSError, UnicodeError, driver.loaded_dbapi.Error) as error:
            raise dialect.connect_error(error, engine.url) from error
