"""The parts around the routes: call `install` on a new application, and `serving` in its lifespan.

::

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = WebSettings()
        async with Database(Settings().database) as database, serving(app, database, settings):
            yield

If the schema is older than the code, the startup fails, and the message says what to do. If the
database does not answer, the service starts, but it is not ready until the database answers.

At shutdown the server accepts no more requests. Then `serving` waits for the running requests, and the
`Database` closes its connections.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from sqlalchemy import MetaData

from ..engine.query_log import listen, log_repeated_queries
from ..errors import ConnectionFailure, ConnectionRejected
from ..unit_of_work.database import Database
from . import health
from .problems import STATUSES, handle
from .request_log import RequestLog, count_statement
from .schema_state import SchemaState
from .settings import WebSettings

_log = logging.getLogger(__name__)


def install(
    app: FastAPI, metadata: MetaData, *, statuses: Mapping[type[Exception], int] | None = None
) -> None:
    """Add the error responses, the request log and the health routes to an application.

    Args:
        app: the new application.
        metadata: the metadata of the models. It has the names of fields for error responses.
        statuses: the statuses for your own classes of errors, such as `{InsufficientCredits: 422}`. The
            message of such an error is sent to the client.
    """
    app.state.running = set[object]()
    app.state.schema = SchemaState()
    for kind, status in {**STATUSES, **(statuses or {})}.items():
        app.add_exception_handler(kind, partial(handle, metadata, status))
    app.add_middleware(RequestLog, running=app.state.running)
    app.include_router(health.router)


@asynccontextmanager
async def serving(
    app: FastAPI, database: Database[Any, Any], settings: WebSettings
) -> AsyncIterator[None]:
    """Let an application serve requests with a database.

    Args:
        app: the application. This sets its `app.state.database`.
        database: the database. The caller closes it afterwards.
        settings: what to log, and how long to wait for running requests.

    Raises:
        SchemaMismatch: the schema is older than the code.
    """
    app.state.database = database
    # If this is not 0, the engine logs the warning already.
    repeated = database.settings.log_statements_repeated_more_than
    for engine in {database.choose_engine(read_only=each) for each in (False, True)}:
        listen(engine, count_statement)
        if not repeated and (times := settings.log_statements_repeated_more_than):
            log_repeated_queries(engine, times)
    try:
        await app.state.schema.check(database.engine)
    except (ConnectionFailure, ConnectionRejected) as error:
        _log.warning("the service starts, and is not ready until the database answers: %s", error)
    yield
    if app.state.running:
        _, left = await asyncio.wait(app.state.running, timeout=settings.drain_timeout)
        if left:
            _log.warning("%d requests did not end in %g s", len(left), settings.drain_timeout)
