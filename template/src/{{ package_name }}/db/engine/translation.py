"""Which error of the layer stands for an error of SQLAlchemy or of the driver."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
import sqlalchemy.orm.exc

from .. import errors
from ..dialect import dialect
from ..errors import Error

SHARED_SESSION = "two tasks use one session at the same time: open a unit of work for each task"

_BY_TYPE: list[tuple[type[BaseException], type[Error]]] = [
    (sqlalchemy.exc.PendingRollbackError, errors.UnitOfWorkError),
    (sqlalchemy.exc.TimeoutError, errors.PoolTimeout),
    (sqlalchemy.exc.NoResultFound, errors.NotFound),
    (sqlalchemy.exc.MultipleResultsFound, errors.MultipleFound),
    (sqlalchemy.orm.exc.StaleDataError, errors.StaleData),
]


def translate(error: BaseException) -> Error | None:
    """Return the layer's error for one of SQLAlchemy or of the driver, or None if there is none."""
    for kind, ours in _BY_TYPE:
        if isinstance(error, kind):
            return ours()
    if isinstance(error, sqlalchemy.exc.InvalidRequestError) and error.code == "isce":
        return errors.UnitOfWorkError(SHARED_SESSION)
    return dialect.translate(error)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the layer's error in place of SQLAlchemy's, in a block where the session can fail.

    The engine already translates what fails in the driver. This is for what fails in the session: a
    stale row in a flush, or a pool without a free connection.
    """
    try:
        yield
    except sqlalchemy.exc.SQLAlchemyError as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from error
