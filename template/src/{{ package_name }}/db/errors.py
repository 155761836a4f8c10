"""What can go wrong, as one tree.

::

    Error
    ├── SettingsError             a setting is missing or malformed
    ├── ClientError               what a client asked for is wrong; trying again does not help
    │   ├── InvalidInput          a sort order, a filter or a search is not allowed
    │   │   └── InvalidCursor     the cursor of a page is malformed, or belongs to another order
    │   └── NotFound              there is no row where one was asked for
    ├── UnitOfWorkError           the program used a unit of work against its rules; 25P02
    │   └── ReadOnlyTransaction   25006: the program tried to change rows with `read_only=True`
    └── DatabaseError             the database reported an error
        ├── MultipleFound         several rows were found where at most one was asked for
        ├── StaleData             the row was changed or deleted since it was read
        ├── ConstraintViolation   `.constraint`, `.table` and `.column` say which constraint
        │   ├── NotNullViolation      23502
        │   ├── ForeignKeyViolation   23503, and 23001 for ON DELETE RESTRICT
        │   ├── UniqueViolation       23505
        │   ├── CheckViolation        23514
        │   └── ExclusionViolation    23P01
        ├── TransientError        the same transaction may succeed when it runs again
        │   ├── SerializationFailure  40001
        │   ├── DeadlockDetected      40P01
        │   └── ConnectionFailure     the server cannot be reached, or the connection was lost; 25006 if
        │                             the server is a standby, and refused a change without `read_only`
        ├── ConnectionRejected    the server refused the connection: password, database, too many clients
        ├── LockNotAvailable      55P03: `lock_timeout` ran out, or NOWAIT found the row locked
        ├── QueryCanceled         57014: `statement_timeout` ran out, or somebody cancelled the query
        ├── PoolTimeout           no connection of the pool became free in time
        ├── DataException         22...: a value is malformed, too long or out of range
        ├── InsufficientPrivilege 42501: the role may not do this, or row security forbids the row
        ├── SchemaMismatch        42P01, 42703: there is no such table or column; or the code does not
        │                         know a value in a row: a label of an enumeration, a class
        └── CommitUnknown         the connection was lost, or the task was cancelled, during COMMIT

A program that prints one sentence catches `Error`. A worker that waits and tries again catches
`DatabaseError`. It does not catch the branches above, because they are mistakes, and a second try
would repeat them.

A class has PostgreSQL's name for its SQLSTATE. An SQLSTATE that has no class here is a
`DatabaseError`. Messages name constraints and tables, never values and never SQL. The driver's error
is the `__cause__`. `engine/translation.py` chooses the class.
"""

from typing import Any, ClassVar

from sqlalchemy import Column, util
from sqlalchemy.orm import QueryableAttribute


class Error(Exception):
    """The root of the tree.

    `sqlstate` is PostgreSQL's code of five characters, or None if the server sent no code.
    """

    summary: ClassVar[str] = "the data layer reported an error"

    def __init__(self, message: str | None = None, *, sqlstate: str | None = None) -> None:
        super().__init__(message or self.summary)
        self.sqlstate = sqlstate


class SettingsError(Error):
    summary = "a setting of the database is missing or malformed"


class ClientError(Error):
    summary = "the request is not valid"


class InvalidInput(ClientError):
    summary = "the request asks for something that is not allowed"


class InvalidCursor(InvalidInput):
    summary = "the cursor does not belong to this list: start again at the first page"


class NotFound(ClientError):
    summary = "no row was found where one was asked for"


class UnitOfWorkError(Error):
    summary = "an error aborted this transaction: use savepoint(), and catch the error outside"


class ReadOnlyTransaction(UnitOfWorkError):
    summary = "this unit of work is read-only: open one without read_only=True to change rows"


class DatabaseError(Error):
    summary = "the database reported an error"


class MultipleFound(DatabaseError):
    summary = "several rows were found where at most one was asked for"


class StaleData(DatabaseError):
    summary = "the row was changed or deleted since it was read"


class ConstraintViolation(DatabaseError):
    """A constraint refused the change.

    `constraint`, `schema`, `table` and `column` are the names that the server sent, or None. The server
    names a column only for a not-null violation, and then it names no constraint.
    """

    summary = "a constraint was violated"
    constraint: str | None = None
    schema: str | None = None
    table: str | None = None
    column: str | None = None

    def __init__(
        self, message: str | None = None, *, sqlstate: str | None = None, **names: str | None
    ) -> None:
        where = [f'{noun} "{name}"' for noun, name in names.items() if name and noun != "schema"]
        message = message or (f"{self.summary}: {', '.join(where)}" if where else None)
        super().__init__(message, sqlstate=sqlstate)
        vars(self).update(names)

    def concerns(self, attribute: QueryableAttribute[Any] | Column[Any]) -> bool:
        """Return whether the violated constraint has this column: `error.concerns(User.email)`."""
        column = attribute if isinstance(attribute, Column) else attribute.property.columns[0]
        table: Any = column.table
        tables = table.metadata.tables
        found = tables.get(f"{self.schema}.{self.table}", tables.get(str(self.table)))
        names = [str(i.name) for i in table.constraints | table.indexes if column.name in i.columns]
        # SQLAlchemy shortens a long name, and appends 4 digits of the hash of the name.
        short = [f"{n[: len(str(self.constraint)) - 5]}_{util.md5_hex(n)[-4:]}" for n in names]
        return table is found and (column.name == self.column or self.constraint in names + short)


class NotNullViolation(ConstraintViolation):
    summary = "a value is missing"


class ForeignKeyViolation(ConstraintViolation):
    summary = "a row that this one refers to is missing, or other rows still refer to this one"


class UniqueViolation(ConstraintViolation):
    summary = "a row with these values exists already"


class CheckViolation(ConstraintViolation):
    summary = "a value is not allowed"


class ExclusionViolation(ConstraintViolation):
    summary = "the row conflicts with another one"


class TransientError(DatabaseError):
    summary = "the transaction failed and may succeed when it runs again"


class SerializationFailure(TransientError):
    summary = "another transaction changed the rows that this one read: run it again"


class DeadlockDetected(TransientError):
    summary = "two transactions waited for each other and the server stopped this one: run it again"


class ConnectionFailure(TransientError):
    summary = "the connection to the database was lost"


class ConnectionRejected(DatabaseError):
    summary = "the database server rejected the connection"


class LockNotAvailable(DatabaseError):
    summary = "another transaction holds the lock, and did not release it in time"


class QueryCanceled(DatabaseError):
    summary = "the statement took too long, or somebody cancelled it on the server"


class PoolTimeout(DatabaseError):
    summary = "no connection of the pool became free in time"


class DataException(DatabaseError):
    summary = "a value is malformed, too long or out of range"


class InsufficientPrivilege(DatabaseError):
    summary = "the database role may not do this"


class SchemaMismatch(DatabaseError):
    summary = "the database has no such table or column: migrate it to the newest revision"


class CommitUnknown(DatabaseError):
    summary = "the server did not answer COMMIT: check whether the transaction was committed"
