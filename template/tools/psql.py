"""SQL in the database that DATABASE_URL names: ``python -m tools.psql``; arguments are psql's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from .develop import configured_url
from .embedded import ServerError, find_binaries
from .sources import parse_url


def main(arguments: list[str]) -> int:
    """Run psql, the system's or the wheel's, and return its exit code."""
    url = parse_url(configured_url() or "", "DATABASE_URL in the environment or .env")
    # By the environment: what is an argument can be read by everybody on the machine.
    connection = {
        "PGHOST": url.host,
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password or ""),
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
