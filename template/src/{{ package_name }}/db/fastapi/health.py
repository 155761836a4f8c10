"""The health of the service, for a load balancer or an orchestrator.

`GET /health/live`
    200 if the process answers. It does not ask the database: a restart of this process would not help.
`GET /health/ready`
    200 if the database answers, and its schema is not older than the code. Otherwise 503: send no
    requests.

The responses do not have the reason. The log has it, with the figures of the pool. The second one needs
a connection of the pool, so it can take `DATABASE_CONNECT_TIMEOUT`. If all connections are in use, it is
a 503.
"""

import logging

from fastapi import APIRouter, HTTPException, Request

from ..errors import ConnectionFailure, Error
from .problems import Problem, problem_responses

router = APIRouter(prefix="/health", tags=["health"])

_log = logging.getLogger(__name__)


@router.get("/live")
async def live() -> dict[str, str]:
    """Return 200 if the process can answer."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {**problem_responses(503)[503], "model": Problem}})
async def ready(request: Request) -> dict[str, str]:
    """Return 200 if requests can be served, and 503 otherwise."""
    database = request.app.state.database
    try:
        if not (health := await database.health()).ok:
            raise ConnectionFailure(health.detail)
        await request.app.state.schema.check(database.engine)
    except Error as error:
        _log.warning("the service is not ready: %s; %s", error, database.pool)
        raise HTTPException(503, "the service is not ready") from error
    return {"status": "ok"}
