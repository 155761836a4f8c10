"""When and how a whole transaction runs again.

It runs again after a serialization failure, a deadlock, or a connection that was lost before
COMMIT or leads to a standby. PostgreSQL recommends this for the first two. A single statement never
runs again, because its transaction has ended. The waits grow exponentially and have jitter, so two
transactions that collided do not collide again.

`Database.transact` is enough for most programs. `retry` is for code that opens its unit of work
itself: a read-only unit of work, or the route of a web framework.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import stamina

from ..errors import TransientError

T = TypeVar("T")


async def retry(work: Callable[[], Awaitable[T]], *, attempts: int = 5) -> T:
    """Run a function, and run all of it again after a `TransientError`.

    Args:
        work: opens a new unit of work each time, and ends it.
        attempts: how often to try at most.

    Returns:
        The result of `work`.

    Raises:
        TransientError: all attempts failed.
    """
    try:
        return await work()  # without stamina: it would cost 0.04 ms although nothing fails
    except TransientError as error:
        failed = [error]

    async def attempt() -> T:
        if failed:
            raise failed.pop()  # stamina counts, logs and waits as if this were the first attempt
        return await work()

    waits: Any = {"wait_initial": 0.02, "wait_max": 2.0, "wait_jitter": 0.05}  # in seconds
    caller = stamina.AsyncRetryingCaller(attempts=attempts, timeout=None, **waits)
    return await caller.on(TransientError)(attempt)
