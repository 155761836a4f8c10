"""Connections of aiosqlite: the beginning of a transaction, and the errors of a connect."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from sqlalchemy import URL, AdaptedConnection, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shop.db.errors import ConnectionRejected, DatabaseError, Error

from .error_codes import translate
from .transaction import READ_ONLY


def create_engine(
    url: URL,
    *,
    application_name: str,
    connect_timeout: float,
    timeouts: Mapping[str, str],
    transaction_pooling: bool,
    **arguments: Any,
) -> AsyncEngine:
    """Return an engine whose transactions begin with an explicit BEGIN.

    Of the settings, SQLite uses only `lock_timeout`.
    """
    # Without `isolation_level=None` the driver would begin a transaction only before it writes. An
    # earlier savepoint would then be the transaction.
    connect_args = {"isolation_level": None, "timeout": int(timeouts["lock_timeout"]) / 1000}
    engine = create_async_engine(url, connect_args=connect_args, **arguments)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "reset", _roll_back)
    return engine


def _prepare(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    for pragma in ("foreign_keys = ON", "journal_mode = WAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    read_only = READ_ONLY.items() <= connection.get_execution_options().items()
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"PRAGMA query_only = {read_only:d}")
        # IMMEDIATE, because a transaction that reads first may later be refused a write.
        cursor.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise translate(error) or DatabaseError() from error
    finally:
        cursor.close()


def _roll_back(connection: DBAPIConnection, *_: object) -> None:
    # A COMMIT that fails leaves the transaction open, but SQLAlchemy believes that it has ended.
    connection.rollback()


def connect_error(error: Exception, url: URL) -> Error:
    """Return the layer's error for a file that could not be opened."""
    return ConnectionRejected(f'the database "{url.database}" cannot be opened: {error}')


def ping(connection: AdaptedConnection, timeout: float) -> bool:
    """Return True, because there is no server that could go away."""
    return True
