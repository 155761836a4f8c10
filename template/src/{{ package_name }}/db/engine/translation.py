"""Which error of the layer replaces an error of SQLAlchemy or of the driver."""

from contextlib import ContextDecorator
from traceback import walk_tb

from sqlalchemy import exc
from sqlalchemy.orm import exc as orm_exc

from .. import errors
from ..dialect import dialect
from ..errors import Error

SHARED_SESSION = "two tasks use one session at the same time: open a unit of work for each task"

_BY_TYPE: dict[type[BaseException], type[Error]] = {
    exc.PendingRollbackError: errors.UnitOfWorkError,
    exc.NoResultFound: errors.NotFound,
    exc.MultipleResultsFound: errors.MultipleFound,
    orm_exc.ObjectDeletedError: errors.StaleData,
    orm_exc.StaleDataError: errors.StaleData,
}


_BY_CODE: dict[str | None, str] = {
    "bhk3": "an attribute was read after its unit of work: load it by options= before the end",
    "isce": SHARED_SESSION,
    "xd2s": "an attribute was read that is not loaded: load it by options=, or by session.refresh()",
}


# The modules of SQLAlchemy that read rows, and their variable with the enumeration or the model.
_READERS = {"sqlalchemy.orm.loading": "mapper", "sqlalchemy.sql.sqltypes": "self"}
_UNKNOWN = "a row has a value that {!r} does not have: deploy newer code, or change the row"


def translate(error: BaseException) -> Error | None:
    """Return the layer's error for an error of SQLAlchemy or of the driver, or None."""
    if ours := _BY_TYPE.get(type(error)):
        return ours()
    *_, frame = [None, *(frame for frame, _ in walk_tb(error.__traceback__))]
    module = str(frame.f_globals.get("__name__")) if frame else ""
    reader = frame.f_locals.get(_READERS.get(module, "")) if frame else None
    if not isinstance(error, exc.SQLAlchemyError | dialect.DriverError):
        if reader is None:
            return None  # the program raised it
        dialect.value_error(error)  # this hides the value
        return errors.SchemaMismatch(_UNKNOWN.format(reader))
    if isinstance(error, exc.DBAPIError | dialect.DriverError):
        return dialect.translate(error)
    if not isinstance(error, exc.StatementError):
        # The text of other errors may have SQL or values. A KeyError is about a column of a row.
        is_plain = isinstance(error, exc.InvalidRequestError) and not isinstance(error, KeyError)
        told = error.args[0] if is_plain and reader is None else "see its cause"
        return errors.UnitOfWorkError(_BY_CODE.get(error.code) or f"refused: {told}")
    # A value could not be bound. A type of the layer refuses a value by an error of the layer.
    if isinstance(error.orig, exc.SQLAlchemyError):
        return translate(error.orig)
    if isinstance(error.orig, Error):
        return type(error.orig)(str(error.orig))
    return dialect.value_error(error.orig or error)


class _Translated(ContextDecorator):
    """Replace errors of SQLAlchemy's session by errors of the layer, in a block or a function.

    The engine already translates the errors of the driver. This translates the errors of the session,
    such as a stale row in a flush. It also translates what a program did with the driver's own
    connection, such as a COPY.
    """

    def __enter__(self) -> None:
        """Begin the block. A class does this three times faster than a generator."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, _TRANSLATED) and (ours := translate(error)):
            raise ours from error


_TRANSLATED = (exc.SQLAlchemyError, dialect.DriverError, LookupError, AssertionError)
translated = _Translated()
