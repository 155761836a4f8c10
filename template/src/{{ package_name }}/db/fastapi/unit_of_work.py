"""The dependency that opens the unit of work of a request.

::

    open_unit_of_work = unit_of_work_dependency()
    Work = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
    Reads = Annotated[ReadUnitOfWork, Depends(open_unit_of_work, scope="function")]

With `scope="function"` the transaction ends before the response begins. So if a commit fails, the
client gets an error response. With FastAPI's default scope, the transaction would end after the
response. The client would get 201, although the row is lost.

Create one such dependency for an application, because a task has one unit of work at a time. GET and
HEAD get a `ReadUnitOfWork`, and other methods get a `UnitOfWork`. A route can choose the other one::

    @router.get("/tickets/next")
    @transaction_options(read_only=False)
    async def next_ticket(uow: Work) -> Ticket: ...

A type checker does not see it if a GET takes `Work` without this. Then the change raises
`AttributeError` or `ReadOnlyTransaction`, and a note in the traceback says what to write.

A websocket lives long, so it has no unit of work. It opens one for each message, with the `Database` of
`get_database`.

A background task or a streamed response runs after the transaction. It opens its own unit of work, in
the function that runs later::

    async def lines() -> AsyncIterator[str]:
        async with database.unit_of_work(read_only=True) as reads:
            ...
"""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any, TypeVar, Unpack

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from ..errors import ReadOnlyTransaction
from ..unit_of_work.database import Database, TransactionOptions
from ..unit_of_work.unit_of_work import ReadUnitOfWork, UnitOfWork

F = TypeVar("F", bound=Callable[..., Any])

_HINT = "if this GET changes rows, write @transaction_options(read_only=False) below its decorator"
_OPTIONS = "__transaction_options__"


class RouteTransactionOptions(TransactionOptions, total=False):
    """The options of a transaction that a route can choose."""

    read_only: bool
    """Whether the route gets a `ReadUnitOfWork`. By default it does for GET and HEAD."""


def transaction_options(**options: Unpack[RouteTransactionOptions]) -> Callable[[F], F]:
    """Choose options for the transaction of one route. Write this below the decorator of the route.

    Args:
        options: `read_only`, and the options of `Database.unit_of_work`.
    """

    def choose(function: F) -> F:
        setattr(function, _OPTIONS, options)
        return function

    return choose


async def get_database(request: HTTPConnection) -> Any:
    """Return `app.state.database`. This is a dependency, also of a websocket."""
    return request.app.state.database


def unit_of_work_dependency(
    info: Callable[..., object] | None = None,
) -> Callable[..., AsyncIterator[UnitOfWork | ReadUnitOfWork]]:
    """Return the dependency that opens the unit of work of a request.

    Args:
        info: a dependency that returns the `info` of the transaction, such as `Actor(user.name)`. It
            must not use the unit of work.

    Returns:
        A dependency for `Depends(…, scope="function")`. It raises the errors of
        `Database.unit_of_work`.
    """

    async def open_unit_of_work(
        info: Annotated[object, Depends(info)], request: Request
    ) -> AsyncIterator[UnitOfWork | ReadUnitOfWork]:
        database: Database[Any, Any] = request.app.state.database  # `Depends` would cost 0.02 ms
        options: dict[str, Any] = {"read_only": request.method in {"GET", "HEAD"}, "info": info}
        options |= getattr(request.scope["endpoint"], _OPTIONS, {})
        try:
            async with database.unit_of_work(**options) as uow:
                yield uow
        except (AttributeError, ReadOnlyTransaction) as error:
            if options["read_only"]:
                error.add_note(_HINT)
            raise

    # FastAPI does not see a parameter that is given. It makes about 70 calls for each dependency.
    return open_unit_of_work if info else partial(open_unit_of_work, ())
