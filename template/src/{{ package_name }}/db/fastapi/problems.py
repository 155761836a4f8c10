"""The HTTP responses for the errors of the layer: problem details (RFC 9457).

=========================================================  ==========================================
An error                                                   gets the response
=========================================================  ==========================================
`NotFound`                                                 404
`UniqueViolation`, `ExclusionViolation`,                   409; `errors` has the columns
`ForeignKeyViolation`
`StaleData`                                                412, or 409 without an `If-Match`
other `ClientError` and `ConstraintViolation`              422
`DataException`
`TransientError`, `ConnectionRejected`, `PoolTimeout`      503 with `Retry-After`
`LockNotAvailable`, `QueryCanceled`
everything else                                            500, and a traceback in the log
=========================================================  ==========================================

`CommitUnknown` is not a 503. The change may be committed, and proxies repeat a request after a 503.

`errors` leaves out columns with `mapped_column(info={"internal": True})`.

The response has no SQL, no values, no hosts and no lines of source code. The log has the whole error.

A websocket that is not accepted yet gets the same response. After that it is closed with the code 1011.
"""

import json
import logging
from collections.abc import Mapping
from http.client import responses
from typing import Any

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy import MetaData
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketState

from .. import errors

MEDIA_TYPE = "application/problem+json"

# The most specific class of an error decides. Other errors are mistakes of the program.
STATUSES: dict[type[Exception], int] = {
    **{errors.NotFound: 404, errors.StaleData: 412, errors.ForeignKeyViolation: 409},
    **dict.fromkeys([errors.UniqueViolation, errors.ExclusionViolation], 409),
    **dict.fromkeys([errors.ClientError, errors.ConstraintViolation, errors.DataException], 422),
    **dict.fromkeys([errors.TransientError, errors.ConnectionRejected], 503),
    **dict.fromkeys([errors.LockNotAvailable, errors.PoolTimeout, errors.QueryCanceled], 503),
    # The second one has its own status. Nobody reads the response of the third one, but it is no mistake.
    **{RequestValidationError: 422, HTTPException: 500, ClientDisconnect: 400},
}

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """A description of an error, as in RFC 9457. No other model of an application can have this name."""

    title: str
    status: int
    detail: str
    errors: Mapping[str, str] = {}
    """A sentence for each wrong field. The key is `body.email` for input, or the column `email`."""


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route, a router or an application, for OpenAPI.

    Args:
        statuses: the statuses that the route can return, such as 404.
    """
    return {each: _describe(each) for each in statuses}


def _describe(status: int) -> dict[str, Any]:
    # The health route registers the schema.
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    names = ["X-Request-ID", "Retry-After"] if status == 503 else ["X-Request-ID"]
    headers = {name: {"schema": {"type": "string"}} for name in names}
    return {"description": responses[status], "content": content, "headers": headers}


def answer(status: int, detail: str, fields: Mapping[str, str] = {}) -> Response:
    """Return a response with problem details."""
    # A status such as 499 has no name.
    problem = Problem(title=responses.get(status, ""), status=status, detail=detail, errors=fields)
    headers = {"Retry-After": "1"} if status == 503 else None
    # A client may send half of a surrogate pair. UTF-8 cannot express it, and escapes of JSON can.
    content = json.dumps(problem.model_dump(exclude_defaults=True))
    return Response(content, status, headers, media_type=MEDIA_TYPE)


async def handle(metadata: MetaData, status: int, connection: Any, error: Exception) -> Response:
    """Return the response for an error.

    Args:
        metadata: the metadata of the models, for the names of fields.
        status: the status for this class of errors.
        connection: the request or the websocket.
        error: the error. Its message is sent to the client, unless it is a `DatabaseError`.

    Raises:
        WebSocketException: the websocket was accepted, so it gets no response. This closes it.
    """
    if getattr(connection, "application_state", None) is WebSocketState.CONNECTED:
        _log.warning("a websocket is closed with 1011: %s", error)
        raise WebSocketException(1011) from error
    if status == 503:
        _log.warning("a request gets a 503: %s", error)
    if status == 412 and "if-match" not in connection.headers:
        status = 409
    detail = error.summary if isinstance(error, errors.DatabaseError) else str(error)
    headers: Mapping[str, str] = {}
    fields: dict[str, str] = {}
    if isinstance(error, HTTPException):
        status, detail, headers = error.status_code, str(error.detail), error.headers or {}
    if isinstance(error, RequestValidationError):
        detail = "the request is not valid: see the errors"
        # A response with all errors of a long list would be much longer than the list.
        fields = {".".join(map(str, each["loc"])): each["msg"] for each in error.errors()[:100]}
    if isinstance(error, errors.ConstraintViolation):
        columns = [c for t in metadata.tables.values() if t.name == error.table for c in t.columns]
        fields = {c.name: detail for c in columns if error.concerns(c) and "internal" not in c.info}
    # A 204 and a 304 never have a body.
    response = Response(None, status) if status in {204, 304} else answer(status, detail, fields)
    response.headers.update(headers)
    return response
