"""A throw-away PostgreSQL in a container, by testcontainers.

``TEST_POSTGRES_IMAGE`` names the image, ``postgres:18-alpine`` if unset: any image that keeps the
contract of the official one. Where images cannot be pulled freely, testcontainers' helper Ryuk
may be missing too: ``TESTCONTAINERS_RYUK_DISABLED=true``. Without Ryuk a run that is killed by
SIGKILL leaves its container behind.
"""

from __future__ import annotations

import gc
import os
import secrets
import warnings
from contextlib import ExitStack, suppress

from .embedded import FAST, ServerError


def obstacle() -> str | None:
    """Why there can be no container here, as half a sentence; None if the daemon answers."""
    try:
        from testcontainers.core.docker_client import DockerClient
    except ImportError:
        return "testcontainers is not installed"
    with suppress(Exception):  # docker's, requests' and the system's have no nearer ancestor
        DockerClient(timeout=3).client.close()  # made, it has asked the daemon for its version
        return None
    # docker forgets to close its socket; collected later, its warning would fail some test.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return "Docker does not answer"


class ContainerPostgres:
    """A container that lives from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._undo = ExitStack()

    def start(self) -> str:
        """Pull the image if it is not here, start it with a password of its own, wait for it.

        Returns:
            The superuser's URL.

        Raises:
            ServerError: the daemon does not answer, or the image cannot be pulled or started.
        """
        from testcontainers.community.postgres import PostgresContainer
        from testcontainers.core.config import testcontainers_config

        # Ask every 0.05 s instead of every second; the timeout is the product, two minutes.
        testcontainers_config.sleep_time, testcontainers_config.max_tries = 0.05, 2400
        image = os.environ.get("TEST_POSTGRES_IMAGE") or "postgres:18-alpine"
        try:
            container = PostgresContainer(
                image, 5432, "postgres", secrets.token_urlsafe(), "postgres", "asyncpg"
            )
            self._undo.callback(container.stop)
            container.with_command(["postgres", *(f"-c{name}={FAST[name]}" for name in FAST)])
            container.with_env("POSTGRES_INITDB_ARGS", "--no-sync")
            # Up to 17 the image's volume is /var/lib/postgresql/data, which would hide the tmpfs.
            container.with_env("PGDATA", "/var/lib/postgresql/throwaway")
            container.with_tmpfs_mount("/var/lib/postgresql", "rw")
            container.start()
            return container.get_connection_url()
        except Exception as error:  # see `obstacle`
            self.stop()
            reason = str(error).partition("\n")[0] or type(error).__name__
            if "ryuk" in reason:
                reason += " (TESTCONTAINERS_RYUK_DISABLED=true does without Ryuk)"
            raise ServerError(f"Docker could not start {image}: {reason}") from error

    def stop(self) -> None:
        """Remove the container; harmless when there is none."""
        self._undo.close()
