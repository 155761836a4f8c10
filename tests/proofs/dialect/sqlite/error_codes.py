"""Replace errors of SQLite by errors of the layer. The result code decides."""

import sqlite3

import sqlalchemy.exc

from shop.db import errors
from shop.db.errors import DatabaseError, DataException, Error

DriverError = sqlite3.Error

_BY_NAME: dict[str, type[Error]] = {
    "SQLITE_BUSY": errors.TransientError,
    "SQLITE_BUSY_SNAPSHOT": errors.SerializationFailure,
    "SQLITE_CANTOPEN": errors.ConnectionRejected,
    "SQLITE_CONSTRAINT_CHECK": errors.CheckViolation,
    "SQLITE_CONSTRAINT_FOREIGNKEY": errors.ForeignKeyViolation,
    "SQLITE_CONSTRAINT_NOTNULL": errors.NotNullViolation,
    "SQLITE_CONSTRAINT_PRIMARYKEY": errors.UniqueViolation,
    "SQLITE_CONSTRAINT_UNIQUE": errors.UniqueViolation,
    "SQLITE_READONLY": errors.ReadOnlyTransaction,
}


def value_error(error: BaseException) -> DataException:
    """Return the layer's error for a value that cannot be converted."""
    return DataException(f"a value does not fit its column ({type(error).__name__})")


def translate(error: BaseException) -> Error | None:
    """Return the layer's error, or None if the error does not come from the database."""
    driver: BaseException | None = error
    while driver is not None and not isinstance(driver, sqlite3.Error):
        driver = getattr(driver, "orig", None) or driver.__cause__
    name = getattr(driver, "sqlite_errorname", None)
    if name in _BY_NAME:
        return _BY_NAME[name]()
    if isinstance(error, sqlalchemy.exc.DBAPIError | sqlite3.Error):
        return DatabaseError(f"{DatabaseError.summary} ({name or type(driver).__name__})")
    return None
