"""Which error of the layer replaces an error of the driver.

The SQLSTATE decides, and the other fields that the server sends. The text of a message does not
decide, because it depends on the server's version and language.

asyncpg reports only constraint violations as `IntegrityError`. Deadlocks, serialization failures and
both timeouts arrive as a bare `DBAPIError`, so `except OperationalError` catches none of them.
"""

import asyncpg
import sqlalchemy.exc

from .. import errors
from ..errors import ConstraintViolation, DatabaseError, DataException, Error

# By SQLSTATE, or by its first two characters.
_BY_SQLSTATE: dict[str, type[Error]] = {
    "08P01": errors.ConnectionRejected,  # PgBouncer's answer to the timeouts at connect
    "25006": errors.ReadOnlyTransaction,
    "25P02": errors.UnitOfWorkError,  # the transaction is aborted
    "23001": errors.ForeignKeyViolation,
    "23502": errors.NotNullViolation,
    "23503": errors.ForeignKeyViolation,
    "23505": errors.UniqueViolation,
    "23514": errors.CheckViolation,
    "23P01": errors.ExclusionViolation,
    "3D000": errors.ConnectionRejected,  # the database does not exist
    "40001": errors.SerializationFailure,
    "40P01": errors.DeadlockDetected,
    "42501": errors.InsufficientPrivilege,
    "42703": errors.SchemaMismatch,
    "42P01": errors.SchemaMismatch,
    "53300": errors.ConnectionRejected,  # too many clients
    "55P03": errors.LockNotAvailable,
    "57014": errors.QueryCanceled,
    "08": errors.ConnectionFailure,
    "22": DataException,
    "23": ConstraintViolation,
    "28": errors.ConnectionRejected,  # the password, or pg_hba.conf
    "57": errors.ConnectionFailure,  # the server starts or stops, or ended the session
}

# Sentences for what has no class. The server names the function of its parser that found the mistake.
_SENTENCES = {
    "428C9": "a value was given for a column that only the server computes: leave it out",
    "ExecCheckIndexConstraints": "the conflict target is deferrable: create it as NOT DEFERRABLE",
    "errorMissingRTE": "the statement names a table that it does not select from: join that table",
    "transformLockingClause": "with_for_update names a table that the statement does not select from",
}

DriverError = asyncpg.PostgresError
"""What the driver's own connection raises."""


def value_error(error: BaseException) -> DataException:
    """Return the layer's error for a value that cannot be converted.

    The messages of the given error and its causes have the value. A logged traceback would show them,
    so this function hides them.
    """
    each: BaseException | None = error
    while each is not None:
        each.args = ("this message is hidden, because it has the value",)
        each.__suppress_context__ = True
        each = getattr(each, "orig", None) or each.__cause__
    return DataException(f"a value does not fit its column or Python type ({type(error).__name__})")


def translate(error: BaseException) -> Error | None:
    """Return the layer's error for an error of SQLAlchemy's engine or of the driver.

    DETAIL, HINT and the messages of class 22 have values. This function removes them from the driver's
    error, so that a logged traceback does not show them.

    Returns:
        None if the error does not come from the database.
    """
    # SQLAlchemy's error has the adapter's error as `orig`. The adapter's error has asyncpg's error as
    # its cause. Only asyncpg's error has the fields that the server sent.
    driver = error
    while not isinstance(driver, asyncpg.PostgresError) and (
        inner := getattr(driver, "orig", None) or driver.__cause__
    ):
        driver = inner
    if isinstance(driver, asyncpg.PostgresError):
        vars(driver).update(detail=None, hint=None)
    if isinstance(driver, asyncpg.InvalidCachedStatementError):
        return errors.TransientError("the schema changed meanwhile: run the transaction again")
    sqlstate = getattr(driver, "sqlstate", None) or ""
    place = getattr(driver, "server_source_function", None)
    if sentence := _SENTENCES.get(sqlstate) or _SENTENCES.get(str(place)):
        return DatabaseError(sentence, sqlstate=sqlstate)
    lost = errors.ConnectionFailure if getattr(error, "connection_invalidated", False) else None
    found = _BY_SQLSTATE.get(sqlstate) or _BY_SQLSTATE.get(sqlstate[:2]) or lost
    if found is DataException:
        value_error(error)
    if found is not None and issubclass(found, ConstraintViolation):
        names = ("constraint", "column", "table", "schema")
        return found(sqlstate=sqlstate, **{each: getattr(driver, f"{each}_name") for each in names})
    if found is not None:
        return found(sqlstate=sqlstate or None)
    if not isinstance(error, sqlalchemy.exc.DBAPIError | DriverError):
        return None
    where = f"({sqlstate or type(driver).__name__}): see the cause of this error"
    return DatabaseError(f"{DatabaseError.summary} {where}", sqlstate=sqlstate or None)
