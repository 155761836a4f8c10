"""Requests that a client may repeat, because it did not see the response.

The client sends the same `Idempotency-Key` again, and gets the first response again. The key and the
response are written in the transaction of the request. So a request that failed leaves no key.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Header, HTTPException
from pydantic import BaseModel

from ..models import Key
from ..unit_of_work import UnitOfWork

T = TypeVar("T", bound=BaseModel)

IdempotencyKeyHeader = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
]
"""A text that the client makes up for a request, such as a UUID."""


async def run_once(
    uow: UnitOfWork,
    work: Callable[[], Awaitable[T]],
    *,
    user: Key,
    route: str,
    key: str,
    body: BaseModel,
    response: type[T],
) -> T:
    """Run `work` and return its response, or return the response of an earlier request.

    Args:
        uow: the open unit of work of the request.
        work: what the request does.
        user: the user of the request. Another user may have the same key.
        route: the name of the route. Another route may have the same key.
        key: the key that the client sent.
        body: the body of the request.
        response: the type of the response.

    Raises:
        HTTPException: the key belongs to a request with another body (422).
    """
    body_hash = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    new = await uow.idempotency_keys.claim(user, route=route, key=key, body_hash=body_hash)
    claimed = await uow.idempotency_keys.get_claimed(user, route=route, key=key)
    if new:
        given = await work()
        await uow.idempotency_keys.update(claimed, response=given.model_dump(mode="json"))
        return given
    if claimed.body_hash != body_hash:
        raise HTTPException(422, "the Idempotency-Key belongs to another request: make a new one")
    return response.model_validate(claimed.response)
