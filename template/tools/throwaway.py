"""Run a command on a temporary PostgreSQL: ``python -m tools.throwaway COMMAND``.

This program starts a server, migrates its database, runs the command, and stops the server. If
``DATABASE_URL`` names a database, in the environment or in ``.env``, the command uses that one. It
must be at the newest revision already.

Ctrl-C and SIGTERM end the command first. This program waits for its end, and then stops the server.

A line ``NAME=SECRET`` of ``.env.example`` is a secret that the command needs. If it is not set, it gets a
random value for this run.
"""

import os
import signal
import subprocess
import sys

from .develop import configured, missing_secrets
from .embedded import EmbeddedPostgres, ServerError

ALEMBIC = [sys.executable, "-m", "alembic"]
TEMPORARY = "THROWAWAY_POSTGRES"
"""The variable of the command that says: the server is temporary."""


def main(command: list[str]) -> int:
    """Run the command, and return its exit code. With a given database, the command replaces this program.

    Raises:
        ServerError: no server can be started, or the given database is not at the newest revision.
    """
    environment = os.environ | missing_secrets()
    if configured("DATABASE_URL"):
        print("using the database that DATABASE_URL names", flush=True)
        heads = [*ALEMBIC, "current", "--check-heads"]
        current = subprocess.run(heads, capture_output=True, text=True, check=False)
        said = (current.stderr + current.stdout).strip()
        if current.returncode != 0:
            behind = "the database is not at the newest revision: run `uv run just migrate`"
            # A message that names the database may also have the word "head".
            raise ServerError(behind if "on all head" in said else said.partition("FAILED: ")[2])
        os.execvpe(command[0], command, environment)  # noqa: S606  # the caller names the command
    server = EmbeddedPostgres()
    print("DATABASE_URL is not set, so this starts a temporary PostgreSQL", flush=True)
    try:
        environment |= {"DATABASE_URL": server.start(), TEMPORARY: "yes"}
        if subprocess.run([*ALEMBIC, "upgrade", "head"], env=environment, check=False).returncode:
            raise ServerError("the migration failed, see above")
        with subprocess.Popen(command, env=environment) as child:
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: child.terminate())
        return child.returncode
    finally:
        server.stop()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ServerError as error:
        sys.exit(f"throwaway: {error}")
