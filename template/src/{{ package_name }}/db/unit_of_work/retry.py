"""When and how a whole transaction runs again.

Only after the errors that PostgreSQL itself calls worth a retry: serialization failures, deadlocks,
and a connection that was lost before COMMIT. A single statement never runs again, because its
transaction is gone. The waits grow exponentially with jitter, so that two transactions that collided
do not meet again.
"""

import stamina

from ..errors import TransientError


def retrying(attempts: int) -> stamina.BoundAsyncRetryingCaller:
    """Return a caller that runs an async function at most `attempts` times."""
    return stamina.AsyncRetryingCaller(
        attempts=attempts, timeout=None, wait_initial=0.02, wait_max=2.0, wait_jitter=0.05
    ).on(TransientError)
