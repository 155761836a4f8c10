"""The health of the service, for a load balancer or an orchestrator.

`GET /health/live`
    200 if the process answers. It does not ask the database: a restart of this process would not help.
`GET /health/ready`
    200 if the database answers, and its schema is not older than the code. Otherwise 503: send no
    requests.

The responses do not have the reason. The log has it, with the figures of the pool.
"""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request

from ..errors import Error
from ..unit_of_work.database import Database
from .problems import problem_responses
from .unit_of_work import get_database

router = APIRouter(prefix="/health", tags=["health"])

_log = logging.getLogger(__name__)


@router.get("/live")
async def live() -> dict[str, str]:
    """Return 200 if the process can answer."""
    return {"status": "ok"}


@router.get("/ready", responses=problem_responses(503))
async def ready(
    request: Request, database: Annotated[Database[Any, Any], Depends(get_database)]
) -> dict[str, str]:
    """Return 200 if requests can be served, and 503 otherwise."""
    health = await database.health()
    try:
        if health.ok:
            await request.app.state.schema.check(database.engine)
            return {"status": "ok"}
        reason = health.detail
    except Error as error:
        reason = str(error)
    _log.warning("the service is not ready: %s; %s", reason, database.pool)
    raise HTTPException(503, "the service is not ready")
