"""Requests that a client may send again, because it did not get the response.

The key of the request and the response are written in the transaction of the request. So a request
that failed leaves no key. If a request succeeded, the same request gets the same response again.
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
    """Run `work` and return its response. If the same request ran before, return that response.

    Args:
        uow: the open unit of work of the request.
        work: the function that does the work. It returns a response that JSON can express.
        user: the user who sends the request. Different users may use the same key.
        operation: its name, such as `transfer`. Different operations may use the same key.
        key: the key that the client chose for this request.
        request: the content of the request, which JSON can express.

    Raises:
        KeyReused: the key belongs to a request with other content.
    """
    content = json.dumps(request, sort_keys=True).encode()
    request_hash = hashlib.sha256(content).hexdigest()
    keys = uow.idempotency_keys
    new = await keys.claim(user, operation=operation, key=key, request_hash=request_hash)
    claimed = await keys.get_claimed(user, operation=operation, key=key)
    if claimed.request_hash != request_hash:
        raise KeyReused("the key belongs to another request: choose a new key")
    if new:
        await keys.update(claimed, response=await work())
    return claimed.response or {}
