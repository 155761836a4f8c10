"""SQL in the database that DATABASE_URL names: ``python -m tools.psql``; arguments are psql's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from .develop import database_url
from .embedded import ServerError, find_binaries


def main(arguments: list[str]) -> int:
    """Run psql, the system's or the wheel's, and return its exit code."""
    url = database_url()
    # By the environment: what is an argument can be read by everybody on the machine.
    connection = {
        "PGHOST": url.host,
        "PGPORT": str(url.port),
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password),
        "PGDATABASE": url.database,
    }
    psql = shutil.which("psql") or find_binaries() / "psql"
    environment = os.environ | {name: value for name, value in connection.items() if value}
    return subprocess.run([psql, *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ServerError as error:
        sys.exit(f"psql: {error}")
