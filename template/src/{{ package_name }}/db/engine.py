"""The engine: one for an application, made by a function; it connects when it is first used."""

import ssl
from typing import Any

from sqlalchemy import NullPool, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from .errors import (
    ConnectionFailure,
    ConnectionRejected,
    DatabaseError,
    SettingsError,
)
from .guards import refuse_empty_commit, refuse_overlap
from .pool import QueuePool, ping_after_idle, watch
from .settings import DatabaseSettings
from .statements import log_repeated_statements, log_slow_statements
from .translation import translate
from .url import split_url


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine with an explicit pool and explicit timeouts, whose errors are ours.

    What it raises is in `errors.py`; the driver's exception is the cause. Dispose of it in the end.
    """
    url, arguments = split_url(settings.url)
    engine = create_async_engine(
        url,
        connect_args={**arguments, **_connect_arguments(settings)},
        echo=settings.echo,
        echo_pool=settings.echo_pool,
        hide_parameters=True,
        **_pool_arguments(settings),
    )
    refuse_overlap(engine)  # first, so that the others do not see a statement that is refused
    refuse_empty_commit(engine)
    _translate_errors(engine)
    pool = engine.sync_engine.pool
    if settings.pool == "queue":
        ping_after_idle(pool, settings.pool_ping_after_idle, settings.connect_timeout)
    if settings.pool == "queue" or settings.log_checkouts_longer_than:
        watch(pool, settings.log_checkouts_longer_than)
    if settings.log_statements_longer_than:
        log_slow_statements(engine, settings.log_statements_longer_than)
    if settings.log_statements_repeated_more_than:
        log_repeated_statements(engine, settings.log_statements_repeated_more_than)
    return engine


def _connect_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "timeout": settings.connect_timeout,
        "server_settings": {"application_name": settings.application_name},
    }
    if settings.pgbouncer:
        # A server connection is somebody else's at the next transaction, so no statement may stay
        # prepared on it, neither in asyncpg's cache nor in SQLAlchemy's. Without the first, asyncpg
        # gives its statements no names either.
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    else:
        arguments["server_settings"] |= settings.timeouts
    return arguments


def _pool_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    if settings.pool == "null":
        return {"poolclass": NullPool}
    return {
        "poolclass": QueuePool,
        "pool_size": settings.pool_size,
        "max_overflow": settings.max_overflow,
        "pool_timeout": settings.pool_timeout,
        "pool_recycle": settings.pool_recycle,
    }


def _translate_errors(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "handle_error")
    def translate_error(context: ExceptionContext) -> DatabaseError | None:
        if context.sqlalchemy_exception is None:  # no error of the driver's: a cancellation
            return None
        return translate(context.sqlalchemy_exception)

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(
        dialect: Dialect, _: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> DBAPIConnection:
        # What goes wrong here is no error of the driver's in SQLAlchemy's eyes, and would pass.
        where = f'the database "{engine.url.database}" at {engine.url.host or "a socket"}'
        try:
            return dialect.connect(*args, **kwargs)
        except ssl.SSLError as error:
            raise ConnectionRejected(f"{where} has no TLS as we want it: {error}") from error
        except TimeoutError as error:
            raise ConnectionFailure(f"{where} did not answer in time") from error
        except UnicodeError as error:
            raise SettingsError(f"the URL of {where} is not valid: {error}") from error
        except OSError as error:
            # Two that no second try will cure: a file of TLS is missing, or the server has no TLS.
            if isinstance(error, FileNotFoundError) and engine.url.host:
                raise SettingsError(f"a file that the URL of {where} names is missing") from error
            # The driver tells the second by its text only; a server that goes away meanwhile is a
            # bare ConnectionError as well.
            if type(error) is ConnectionError and "SSL" in str(error):
                raise ConnectionRejected(f"{where} refuses: {error}") from error
            raise ConnectionFailure(f"{where} cannot be reached: {error}") from error
        except dialect.loaded_dbapi.Error as error:
            if isinstance(error.__cause__, ValueError):  # asyncpg's ClientConfigurationError
                raise SettingsError(f"the URL of {where} is not valid: {error}") from error
            # The server's own words: a wrong password, no such database, too many clients.
            ours = translate(error) or ConnectionRejected()
            raise type(ours)(f"{where} refuses: {error}", sqlstate=ours.sqlstate) from error
