"""When and how a whole transaction is run again.

Only what PostgreSQL itself calls worth a retry: serialization failures, deadlocks, and a connection
that was lost before COMMIT. A single statement is never repeated, because the transaction around it
is gone. The waits grow exponentially with jitter, so that those who collided do not meet again.
"""

import stamina

from .errors import TransientError


def retrying(attempts: int) -> stamina.BoundAsyncRetryingCaller:
    """Return a caller that runs an async function at most `attempts` times."""
    return stamina.AsyncRetryingCaller(
        attempts=attempts, timeout=None, wait_initial=0.02, wait_max=2.0, wait_jitter=0.05
    ).on(TransientError)
