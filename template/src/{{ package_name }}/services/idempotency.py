"""Requests that a client may send again, because it did not see the response.

The key of the request and the response are written in the transaction of the request. So a request
that failed leaves no key, and one that succeeded gives the same response again.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ..models import Key
from ..unit_of_work import UnitOfWork


class KeyReused(Exception):
    """The key belongs to another request."""


async def run_once(
    uow: UnitOfWork,
    work: Callable[[], Awaitable[dict[str, Any]]],
    *,
    user: Key,
    operation: str,
    key: str,
    request: dict[str, Any],
) -> dict[str, Any]:
    """Run `work` and return its response, or return the response to the same request before.

    Args:
        uow: the open unit of work of the request.
        work: what the request does. It returns a response that JSON can express.
        user: who sends the request. Another user may use the same key.
        operation: what the request is for, such as `transfer`. Another one may use the same key.
        key: the key that the client made up for this request.
        request: the content of the request, as JSON can express it.

    Raises:
        KeyReused: the key belongs to a request with another content.
    """
    content = json.dumps(request, sort_keys=True).encode()
    request_hash = hashlib.sha256(content).hexdigest()
    keys = uow.idempotency_keys
    new = await keys.claim(user, operation=operation, key=key, request_hash=request_hash)
    claimed = await keys.get_claimed(user, operation=operation, key=key)
    if claimed.request_hash != request_hash:
        raise KeyReused("the key belongs to another request: make a new one")
    if new:
        await keys.update(claimed, response=await work())
    return claimed.response or {}
