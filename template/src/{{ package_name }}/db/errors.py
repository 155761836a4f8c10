"""What can go wrong, as one tree.

::

    DatabaseError
    ├── SettingsError             a setting is missing or malformed
    ├── UnitOfWorkError           a unit of work is used against its rules; 25P02 among others
    ├── NotFound                  no row where one was asked for
    ├── MultipleFound             several rows where at most one was asked for
    ├── StaleData                 a row changed or went since it was read
    ├── ConstraintViolation       .constraint, .table and .column say which
    │   ├── NotNullViolation      23502
    │   ├── ForeignKeyViolation   23503, and 23001 for ON DELETE RESTRICT
    │   ├── UniqueViolation       23505
    │   ├── CheckViolation        23514
    │   └── ExclusionViolation    23P01
    ├── TransientError            the same transaction may succeed when it is run again
    │   ├── SerializationFailure  40001
    │   ├── DeadlockDetected      40P01
    │   └── ConnectionFailure     the server cannot be reached, or the connection is lost
    ├── ConnectionRejected        the server answers and says no: password, database, too many clients
    ├── LockNotAvailable          55P03: `lock_timeout` ran out, or NOWAIT found the row locked
    ├── QueryCanceled             57014: `statement_timeout` ran out, or somebody cancelled the query
    ├── PoolTimeout               no connection of the pool became free in time
    ├── SchemaMismatch            42P01, 42703: no such table or column; is the database migrated?
    └── CommitUnknown             the connection was lost, or the task cancelled, during COMMIT

An error has PostgreSQL's own name for its SQLSTATE where there is one; what has no class of its own
is a `DatabaseError`. Which error it is, is read
from the SQLSTATE and from the fields that the server sends beside it, never from a message's text:
messages change with the server's version and language. The messages here name constraints and
tables, never values and never SQL; the driver's own error is the `__cause__`.

asyncpg reports only constraint violations as `IntegrityError`. Deadlocks, serialization failures and
both timeouts arrive as a bare `DBAPIError`, so `except OperationalError` catches none of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import asyncpg
import sqlalchemy.exc
import sqlalchemy.orm.exc


class DatabaseError(Exception):
    """The root of the tree.

    `sqlstate` is PostgreSQL's five-character code, or None where the server did not send one.
    """

    summary: ClassVar[str] = "the database reported an error"

    def __init__(self, message: str | None = None, *, sqlstate: str | None = None) -> None:
        super().__init__(message or self.summary)
        self.sqlstate = sqlstate


class SettingsError(DatabaseError):
    summary = "a setting of the database is missing or malformed"


class UnitOfWorkError(DatabaseError):
    summary = (
        "an error was caught inside of the transaction, which it had aborted, so nothing can be "
        "committed: let what may fail run in a savepoint()"
    )


class NotFound(DatabaseError):
    summary = "no row was found where one was asked for"


class MultipleFound(DatabaseError):
    summary = "several rows were found where at most one was asked for"


class StaleData(DatabaseError):
    summary = "the row was changed or deleted since it was read"


class ConstraintViolation(DatabaseError):
    """A constraint refused the change.

    `constraint`, `table` and `column` are names as the server knows them, or None where it does not
    say: only a not-null violation names a column, and it names no constraint.
    """

    summary = "a constraint was violated"

    def __init__(
        self,
        message: str | None = None,
        *,
        sqlstate: str | None = None,
        constraint: str | None = None,
        table: str | None = None,
        column: str | None = None,
    ) -> None:
        if message is None:
            where = [
                f'{noun} "{name}"'
                for noun, name in [("constraint", constraint), ("column", column), ("table", table)]
                if name
            ]
            message = f"{self.summary}: {', '.join(where)}" if where else self.summary
        super().__init__(message, sqlstate=sqlstate)
        self.constraint = constraint
        self.table = table
        self.column = column


class NotNullViolation(ConstraintViolation):
    summary = "a value is missing"


class ForeignKeyViolation(ConstraintViolation):
    summary = "a referenced row is missing, or the row itself is still referred to"


class UniqueViolation(ConstraintViolation):
    summary = "a row with these values exists already"


class CheckViolation(ConstraintViolation):
    summary = "a value is not allowed"


class ExclusionViolation(ConstraintViolation):
    summary = "the row conflicts with another one"


class TransientError(DatabaseError):
    summary = "the transaction failed and may succeed when it is run again"


class SerializationFailure(TransientError):
    summary = "a concurrent transaction changed what this one read; run it again"


class DeadlockDetected(TransientError):
    summary = "two transactions waited for each other and this one was stopped; run it again"


class ConnectionFailure(TransientError):
    summary = "the connection to the database was lost"


class ConnectionRejected(DatabaseError):
    summary = "the database server rejected the connection"


class LockNotAvailable(DatabaseError):
    summary = "a lock was not free in time"


class QueryCanceled(DatabaseError):
    summary = "the statement took too long, or was cancelled on the server"


class PoolTimeout(DatabaseError):
    summary = "no connection of the pool became free in time"


class SchemaMismatch(DatabaseError):
    summary = "the database has no such table or column: is it at the newest revision?"


class CommitUnknown(DatabaseError):
    summary = "it is unknown whether the transaction was committed: COMMIT was not answered"


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
    while (inner := getattr(driver, "orig", None) or driver.__cause__) is not None:
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
    if not isinstance(error, sqlalchemy.exc.DBAPIError):
        return None
    if error.connection_invalidated:
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
