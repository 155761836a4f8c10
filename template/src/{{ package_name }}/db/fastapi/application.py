"""What an application needs around its routes: `install` at its creation, `serving` in its lifespan.

::

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = WebSettings()
        async with Database(Settings().database) as database, serving(app, database, settings):
            yield

If the schema is older than the code, the start fails, and the message says what to do. If the
database does not answer, the service starts, and is not ready until it answers.

At the end the server stops to accept requests. Then this waits for the running ones, and the
`Database` closes its connections.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import MetaData

from ..engine.query_log import log_repeated_queries
from ..errors import ConnectionFailure, ConnectionRejected
from ..unit_of_work.database import Database
from . import health
from .problems import add_problem_handlers
from .request_log import RequestLog, count_statements
from .schema_state import SchemaState
from .settings import WebSettings

_log = logging.getLogger(__name__)


def install(
    app: FastAPI, metadata: MetaData, *, statuses: Mapping[type[Exception], int] | None = None
) -> None:
    """Add problems, the request log and the health routes to an application.

    Args:
        app: the new application.
        metadata: the metadata of the models, for the names of fields in a problem.
        statuses: the statuses for your own classes of errors, such as `{InsufficientCredits: 422}`. The
            message of such an error is sent to the client.
    """
    app.state.running = set[object]()
    app.state.schema = SchemaState()
    add_problem_handlers(app, metadata, statuses or {})
    app.add_middleware(RequestLog, running=app.state.running)
    app.include_router(health.router)


@asynccontextmanager
async def serving(
    app: FastAPI, database: Database[Any, Any], settings: WebSettings
) -> AsyncIterator[None]:
    """Give a database to an application while it serves.

    Args:
        app: the application. `app.state.database` is the database from now on.
        database: the caller closes it afterwards.
        settings: what to log, and how long to wait for running requests.

    Raises:
        SchemaMismatch: the schema is older than the code.
    """
    app.state.database = database
    for engine in {database.choose_engine(read_only=each) for each in (False, True)}:
        count_statements(engine)
        if times := settings.log_statements_repeated_more_than:
            log_repeated_queries(engine, times)
    try:
        await app.state.schema.check(database.engine)
    except (ConnectionFailure, ConnectionRejected) as error:
        _log.warning("the service starts, and is not ready before the database answers: %s", error)
    yield
    if app.state.running:
        _, left = await asyncio.wait(app.state.running, timeout=settings.drain_timeout)
        if left:
            _log.warning("%d requests did not end in %g s", len(left), settings.drain_timeout)
