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

The response has no SQL, no values, no hosts and no lines of source code. The log has the whole error.
"""

import logging
from collections.abc import Mapping
from functools import partial
from http.client import responses
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy import MetaData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from .. import errors

MEDIA_TYPE = "application/problem+json"

# The most specific class of an error decides. Other errors are mistakes of the program.
_STATUSES: dict[type[Exception], int] = {
    errors.NotFound: 404,
    errors.StaleData: 412,
    **dict.fromkeys([errors.UniqueViolation, errors.ExclusionViolation], 409),
    errors.ForeignKeyViolation: 409,
    **dict.fromkeys([errors.ClientError, errors.ConstraintViolation, errors.DataException], 422),
    **dict.fromkeys([errors.TransientError, errors.ConnectionRejected], 503),
    ClientDisconnect: 400,  # nobody reads this response, but a 500 would be a mistake of the program
    **dict.fromkeys([errors.LockNotAvailable, errors.PoolTimeout, errors.QueryCanceled], 503),
}

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """A description of an error, as in RFC 9457."""

    type: str = "about:blank"
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
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {each: {"description": responses[each], "content": content} for each in statuses}


def answer(status: int, detail: str, fields: Mapping[str, str] = {}) -> Response:
    """Return a response with problem details."""
    # A status such as 499 has no name.
    problem = Problem(title=responses.get(status, ""), status=status, detail=detail, errors=fields)
    headers = {"Retry-After": "1"} if status == 503 else None
    content = problem.model_dump_json(exclude_defaults=True)
    return Response(content, status, headers, media_type=MEDIA_TYPE)


def add_problem_handlers(
    app: FastAPI, metadata: MetaData, statuses: Mapping[type[Exception], int]
) -> None:
    """Let an application answer errors with problem details.

    Args:
        metadata: the metadata of the models, for the names of fields.
        statuses: the statuses for your own classes of errors. Their messages are sent to the client.
    """
    for kind, status in {**_STATUSES, **statuses}.items():
        app.add_exception_handler(kind, partial(_answer_error, metadata=metadata, status=status))
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_input)


async def _answer_error(
    request: Request, error: Exception, *, metadata: MetaData, status: int
) -> Response:
    if status == 503:
        _log.warning("a request gets a 503: %s", error)
    if status == 412 and "if-match" not in request.headers:
        status = 409
    if not isinstance(error, errors.DatabaseError):
        return answer(status, str(error))
    fields = []
    if isinstance(error, errors.ConstraintViolation):
        columns = [c for t in metadata.tables.values() if t.name == error.table for c in t.columns]
        fields = [column.name for column in columns if error.concerns(column)]
    return answer(status, error.summary, dict.fromkeys(fields, error.summary))


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, detail = error.status_code, str(error.detail)
    # A 204 and a 304 never have a body.
    response = Response(None, status) if status in {204, 304} else answer(status, detail)
    response.headers.update(error.headers or {})
    return response


async def _answer_input(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # A response with all errors of a long list would be much longer than the list.
    fields = {".".join(map(str, each["loc"])): str(each["msg"]) for each in error.errors()[:100]}
    return answer(422, "the request is not valid: see the errors", fields)
