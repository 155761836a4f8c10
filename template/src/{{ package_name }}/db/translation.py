"""Which error of ours stands for one of SQLAlchemy's or of the driver's.

It is read from the SQLSTATE and from the fields that the server sends beside it, never from a
message's text: messages change with the server's version and language.

asyncpg reports only constraint violations as `IntegrityError`. Deadlocks, serialization failures and
both timeouts arrive as a bare `DBAPIError`, so `except OperationalError` catches none of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import sqlalchemy.exc
import sqlalchemy.orm.exc

from .errors import (
    CheckViolation,
    ConnectionFailure,
    ConnectionRejected,
    ConstraintViolation,
    DatabaseError,
    DataException,
    DeadlockDetected,
    ExclusionViolation,
    ForeignKeyViolation,
    InsufficientPrivilege,
    LockNotAvailable,
    MultipleFound,
    NotFound,
    NotNullViolation,
    PoolTimeout,
    QueryCanceled,
    SchemaMismatch,
    SerializationFailure,
    StaleData,
    TransientError,
    UniqueViolation,
    UnitOfWorkError,
)

_BY_SQLSTATE: dict[str, type[DatabaseError]] = {
    "25P02": UnitOfWorkError,  # the transaction is aborted, and somebody goes on with it
    "23001": ForeignKeyViolation,
    "23502": NotNullViolation,
    "23503": ForeignKeyViolation,
    "23505": UniqueViolation,
    "23514": CheckViolation,
    "23P01": ExclusionViolation,
    "3D000": ConnectionRejected,  # the database does not exist
    "40001": SerializationFailure,
    "40P01": DeadlockDetected,
    "42501": InsufficientPrivilege,
    "42703": SchemaMismatch,
    "42P01": SchemaMismatch,
    "53300": ConnectionRejected,  # too many clients
    "55P03": LockNotAvailable,
    "57014": QueryCanceled,
    "57P01": ConnectionFailure,  # the server is shutting down, or an administrator ended the session
    "57P02": ConnectionFailure,
    "57P03": ConnectionFailure,  # the server is starting up
    "57P05": ConnectionFailure,  # idle_session_timeout
}

_BY_CLASS: dict[str, type[DatabaseError]] = {
    "08": ConnectionFailure,
    "22": DataException,
    "23": ConstraintViolation,
    "28": ConnectionRejected,  # the password, or pg_hba.conf
}

_BY_TYPE: list[tuple[type[BaseException], type[DatabaseError]]] = [
    (sqlalchemy.exc.PendingRollbackError, UnitOfWorkError),
    (sqlalchemy.exc.TimeoutError, PoolTimeout),
    (sqlalchemy.exc.NoResultFound, NotFound),
    (sqlalchemy.exc.MultipleResultsFound, MultipleFound),
    (sqlalchemy.orm.exc.StaleDataError, StaleData),
]


def translate(error: BaseException) -> DatabaseError | None:
    """Return our error for one of SQLAlchemy's or of the driver's, or None if there is none.

    What the server said about rows (its DETAIL, which holds their values) is taken from the driver's
    error, so that a logged traceback does not tell it.
    """
    for kind, ours in _BY_TYPE:
        if isinstance(error, kind):
            return ours()
    # SQLAlchemy's error has the adapter's in `orig`, and that has asyncpg's as its cause: the one
    # with the fields that the server sent.
    driver = error
    while not isinstance(driver, asyncpg.PostgresError) and (
        inner := getattr(driver, "orig", None) or driver.__cause__
    ):
        driver = inner
    if getattr(driver, "detail", None):
        driver.detail = None  # type: ignore[attr-defined]  # asyncpg's, which has no types
    if isinstance(driver, asyncpg.InvalidCachedStatementError):
        return TransientError("the schema changed under a prepared statement; run it again")
    sqlstate = getattr(driver, "sqlstate", None)
    if isinstance(sqlstate, str):
        found = _BY_SQLSTATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2])
        if found is not None and issubclass(found, ConstraintViolation):
            return found(
                sqlstate=sqlstate,
                constraint=getattr(driver, "constraint_name", None),
                table=getattr(driver, "table_name", None),
                column=getattr(driver, "column_name", None),
            )
        if found is not None:
            return found(sqlstate=sqlstate)
    if not isinstance(error, sqlalchemy.exc.DBAPIError | asyncpg.PostgresError):
        return None
    if getattr(error, "connection_invalidated", False):
        return ConnectionFailure(sqlstate=sqlstate)
    message = f"{DatabaseError.summary} ({sqlstate or type(driver).__name__})"
    return DatabaseError(message, sqlstate=sqlstate)


@contextmanager
def translated() -> Iterator[None]:
    """Raise our error in place of SQLAlchemy's, from a block where the session itself can fail.

    What fails at the driver is translated by the engine already. What is left is the session's own:
    a stale row in a flush, a pool without a free connection.
    """
    try:
        yield
    except sqlalchemy.exc.SQLAlchemyError as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from error
