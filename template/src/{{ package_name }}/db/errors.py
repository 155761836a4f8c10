"""What can go wrong, as one tree.

::

    DatabaseError
    ├── SettingsError             a setting is missing or malformed
    ├── UnitOfWorkError           a unit of work is used against its rules; 25P02 among others
    │   └── ReadOnlyTransaction   25006: a change was tried in a unit of work that is read-only
    ├── NotFound                  no row where one was asked for
    ├── MultipleFound             several rows where at most one was asked for
    ├── StaleData                 a row changed or went since it was read
    ├── InvalidInput              a sort order, a filter or a search from outside is not allowed
    │   └── InvalidCursor         the cursor of a page is malformed, or of another order
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
    ├── DataException             22...: a value is malformed, too long or out of range
    ├── InsufficientPrivilege     42501: the role may not do this, or row security forbids the row
    ├── SchemaMismatch            42P01, 42703: no such table or column; is the database migrated?
    └── CommitUnknown             the connection was lost, or the task cancelled, during COMMIT

An error has PostgreSQL's own name for its SQLSTATE where there is one; what has no class of its own
is a `DatabaseError`. The messages name constraints and tables, never values and never SQL; the
driver's own error is the `__cause__`. `translation.py` says which error is raised when.
"""

from typing import ClassVar


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


class ReadOnlyTransaction(UnitOfWorkError):
    summary = "the unit of work is read-only: open it without read_only to change something"


class NotFound(DatabaseError):
    summary = "no row was found where one was asked for"


class MultipleFound(DatabaseError):
    summary = "several rows were found where at most one was asked for"


class StaleData(DatabaseError):
    summary = "the row was changed or deleted since it was read"


class InvalidInput(DatabaseError):
    summary = "what was asked for is not allowed"


class InvalidCursor(InvalidInput):
    summary = "the cursor is not one of this list: begin at its first page"


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


class DataException(DatabaseError):
    summary = "a value is malformed, too long or out of range"


class InsufficientPrivilege(DatabaseError):
    summary = "the database role may not do this"


class SchemaMismatch(DatabaseError):
    summary = "the database has no such table or column: is it at the newest revision?"


class CommitUnknown(DatabaseError):
    summary = "it is unknown whether the transaction was committed: COMMIT was not answered"
