"""A temporary PostgreSQL in a container, started by testcontainers.

``TEST_POSTGRES_IMAGE`` names the image. The default is ``postgres:18-alpine``. Any image works that
is used like the official one.

testcontainers starts a second container, Ryuk. It removes what a killed run leaves behind. If the
image of Ryuk cannot be pulled, set ``TESTCONTAINERS_RYUK_DISABLED=true``. Then a run that is killed
by SIGKILL leaves its container behind.
"""

import gc
import os
import secrets
import warnings
from contextlib import ExitStack, suppress

from .embedded import FAST, ServerError


def obstacle() -> str | None:
    """Return why no container can run here, as half a sentence, or None if Docker answers."""
    try:
        from testcontainers.core.docker_client import DockerClient
    except ImportError:
        return "testcontainers is not installed"
    with suppress(Exception):  # errors of docker, requests and the system share no other base
        DockerClient(timeout=3).client.close()  # making a client asks Docker for its version
        return None
    # docker does not close its socket. Collect it here, or its warning makes some test fail later.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return "Docker does not answer"


class ContainerPostgres:
    """A container that lives from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._undo = ExitStack()

    def start(self) -> str:
        """Start the container with a random password, and wait until the server answers.

        Docker pulls the image first if this machine does not have it.

        Returns:
            The URL of the superuser.

        Raises:
            ServerError: Docker does not answer, or it cannot pull or start the image.
        """
        from testcontainers.community.postgres import PostgresContainer
        from testcontainers.core.config import testcontainers_config

        # Ask every 0.05 s, not every second. The timeout is the product of both: two minutes.
        testcontainers_config.sleep_time, testcontainers_config.max_tries = 0.05, 2400
        image = os.environ.get("TEST_POSTGRES_IMAGE") or "postgres:18-alpine"
        try:
            container = PostgresContainer(
                image, 5432, "postgres", secrets.token_urlsafe(), "postgres", "asyncpg"
            )
            self._undo.callback(container.stop)
            container.with_command(["postgres", *(f"-c{name}={FAST[name]}" for name in FAST)])
            container.with_env("POSTGRES_INITDB_ARGS", "--no-sync")
            # In images up to PostgreSQL 17 the volume is /var/lib/postgresql/data. It would hide
            # the tmpfs, so the data goes into another directory.
            container.with_env("PGDATA", "/var/lib/postgresql/throwaway")
            container.with_tmpfs_mount("/var/lib/postgresql", "rw")
            container.start()
            return container.get_connection_url()
        except Exception as error:  # as in `obstacle`
            self.stop()
            reason = str(error).partition("\n")[0] or type(error).__name__
            if "ryuk" in reason:
                reason += " (set TESTCONTAINERS_RYUK_DISABLED=true to run without Ryuk)"
            raise ServerError(f"Docker could not start {image}: {reason}") from error

    def stop(self) -> None:
        """Remove the container, if there is one."""
        self._undo.close()
