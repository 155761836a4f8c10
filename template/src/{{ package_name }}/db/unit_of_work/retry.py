"""When and how a whole transaction runs again.

It runs again after a serialization failure, a deadlock, or a connection that was lost before
COMMIT. PostgreSQL recommends this for the first two. A single statement never runs again, because
its transaction has ended. The waits grow exponentially and have jitter, so two transactions that
collided do not collide again.
"""

import stamina

from ..errors import TransientError


def retrying(attempts: int) -> stamina.BoundAsyncRetryingCaller:
    """Return a caller that runs an async function at most `attempts` times."""
    return stamina.AsyncRetryingCaller(
        attempts=attempts, timeout=None, wait_initial=0.02, wait_max=2.0, wait_jitter=0.05
    ).on(TransientError)
