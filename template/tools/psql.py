"""Run psql on the database that DATABASE_URL names: ``python -m tools.psql [OPTIONS OF PSQL]``."""

import os
import shutil
import sys

from sqlalchemy import URL

from .develop import configured
from .embedded import ServerError, find_binaries
from .sources import parse_url


def main(arguments: list[str]) -> None:
    """Replace this program by psql: Ctrl-C is for psql, which cancels a query and goes on.

    Raises:
        ServerError: DATABASE_URL is missing or malformed.
        OSError: this machine has no psql.
    """
    url = parse_url(configured("DATABASE_URL") or "", "DATABASE_URL")
    # The password goes into the environment: other users of the machine can read arguments.
    parts = (url.username, None, url.host, url.port, url.database, url.query)
    target = URL.create("postgresql", *parts).render_as_string()
    environment = os.environ | ({"PGPASSWORD": url.password} if url.password else {})
    try:
        psql = str(find_binaries() / "psql")  # the wheel's psql is new enough for any server
    except ServerError:
        psql = shutil.which("psql") or "psql"
    os.execvpe(psql, [psql, *arguments, target], environment)  # noqa: S606  # the user's own command


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ServerError) as error:
        sys.exit(f"psql: {error}")
