"""Connections of asyncpg: their arguments, the errors of opening one, and a cheap ping."""

import logging
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import URL, AdaptedConnection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..errors import ConnectionFailure, ConnectionRejected, Error, SettingsError
from .error_codes import translate
from .types import INSTANTS
from .url import split_url

_log = logging.getLogger(__name__)
# How the system notices that a server is gone: it asks a connection that was silent for 10 s, and closes
# it after 30 s without an answer. Then a waiting task gets a `ConnectionFailure`. Without this it would
# wait for hours. Linux has all of these options, and other systems have some.
_KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}
_LOCAL = re.compile(r"(localhost|127\.[\d.]+|::1|/.*)(:\d+)?")


def create_engine(
    url: URL,
    *,
    application_name: str,
    connect_timeout: float,
    timeouts: Mapping[str, str],
    transaction_pooling: bool,
    **arguments: Any,
) -> AsyncEngine:
    """Return an engine. Each of its connections gets these settings.

    Args:
        url: as `parse_url` returns it.
        application_name: the name that `pg_stat_activity` shows.
        connect_timeout: seconds to wait for the server when a connection is opened.
        timeouts: PostgreSQL's timeouts by name, in milliseconds. PgBouncer refuses timeouts at
            connect, so its caller gives none, and sets them in each transaction.
        transaction_pooling: whether PgBouncer gives each transaction another connection.
        arguments: the other arguments of `create_async_engine`, for the pool and the logs.
    """
    hosts = [url.host] if url.host else url.normalized_query.get("host", ())
    if "sslmode" not in url.query and not all(map(_LOCAL.fullmatch, hosts)):
        # Without it the driver sends the password to any server that asks for it in clear text.
        _log.warning("the URL of %s has no sslmode: add sslmode=verify-full", ", ".join(hosts))
    url, dsn = split_url(url)
    server_settings = {"application_name": application_name, **timeouts}
    connect_args = {**dsn, "timeout": connect_timeout, "server_settings": server_settings}
    if transaction_pooling:
        # In the next transaction the server's connection belongs to another client, so no statement
        # may stay prepared on it. Both asyncpg and SQLAlchemy have a cache of prepared statements.
        # Without its cache asyncpg also gives statements no name.
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    engine = create_async_engine(url, connect_args=connect_args, **arguments)
    engine.dialect.colspecs = {**engine.dialect.colspecs, **INSTANTS}
    event.listen(engine.sync_engine, "connect", _keep_alive)
    return engine


def _keep_alive(connection: Any, _: object) -> None:
    """Switch on the keepalive of TCP, which the driver does not do. Its transport is private."""
    opened = connection.driver_connection._transport.get_extra_info("socket")
    if opened.family in {socket.AF_INET, socket.AF_INET6}:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name in _KEEPALIVE.keys() & vars(socket).keys():
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), _KEEPALIVE[name])


def connect_error(error: Exception, url: URL) -> Error:
    """Return the layer's error for a connection that could not be opened.

    Args:
        error: what the driver or the system raised.
        url: the URL of the engine.
    """
    where = f'the database "{url.database}" at {url.host or "a socket"}'
    match error:
        case ssl.SSLError():
            return ConnectionRejected(f"{where} does not offer TLS as the URL asks for it: {error}")
        case TimeoutError():
            return ConnectionFailure(f"{where} did not answer in time")
        # The second one is asyncpg's ClientConfigurationError.
        case UnicodeError() | Exception(__cause__=ValueError()):
            return SettingsError(f"the URL of {where} is not valid: {error}")
        case FileNotFoundError() if url.host:  # otherwise the socket is missing
            return SettingsError(f"a file that the URL of {where} names is missing")
        # asyncpg raises a plain ConnectionError for a server without TLS, and also for a server
        # that goes away meanwhile. Only the text tells them apart.
        case ConnectionError() if type(error) is ConnectionError and "SSL" in str(error):
            return ConnectionRejected(f"{where} refuses the connection: {error}")
        case OSError():
            return ConnectionFailure(f"{where} cannot be reached: {error}")
    # The server's own words: a wrong password, no such database, too many clients.
    ours = translate(error) or ConnectionRejected()
    return type(ours)(f"{where} refuses the connection: {error}", sqlstate=ours.sqlstate)


def ping(connection: AdaptedConnection, timeout: float) -> bool:
    """Ask the server on an idle connection whether it answers.

    Without arguments asyncpg uses the simple protocol: one round trip, and no prepared statement.

    Args:
        timeout: seconds to wait for the answer.
    """
    try:
        connection.run_async(lambda driver: driver.execute("SELECT 1", timeout=timeout))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True
