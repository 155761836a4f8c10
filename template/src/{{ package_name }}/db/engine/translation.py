"""Which error of the layer replaces an error of SQLAlchemy or of the driver."""

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
    """Return the layer's error for an error of SQLAlchemy or of the driver, or None."""
    for kind, ours in _BY_TYPE:
        if isinstance(error, kind):
            return ours()
    if isinstance(error, sqlalchemy.exc.InvalidRequestError) and error.code == "isce":
        return errors.UnitOfWorkError(SHARED_SESSION)
    return dialect.translate(error)


@contextmanager
def translated() -> Iterator[None]:
    """Replace errors of SQLAlchemy's session by errors of the layer, in a block.

    The engine already translates the errors of the driver. This translates the errors of the session:
    a stale row in a flush, or a pool without a free connection.
    """
    try:
        yield
    except sqlalchemy.exc.SQLAlchemyError as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from error
