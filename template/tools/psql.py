"""Run psql on the database that DATABASE_URL names: ``python -m tools.psql [OPTIONS OF PSQL]``."""

import os
import shutil
import subprocess
import sys

from sqlalchemy import URL

from .develop import configured
from .embedded import ServerError, find_binaries
from .sources import parse_url


def main(arguments: list[str]) -> int:
    """Run psql, and return its exit code."""
    url = parse_url(configured("DATABASE_URL") or "", "DATABASE_URL")
    # The password goes into the environment: other users of the machine can read arguments.
    parts = (url.username, None, url.host, url.port, url.database, url.query)
    target = URL.create("postgresql", *parts).render_as_string()
    password = {"PGPASSWORD": url.password} if url.password else {}
    try:
        psql = str(find_binaries() / "psql")  # the wheel's psql is new enough for any server
    except ServerError:
        psql = shutil.which("psql") or "psql"
    command = [psql, *arguments, target]
    return subprocess.run(command, env=os.environ | password, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ServerError) as error:
        sys.exit(f"psql: {error}")
