"""psql runs a script, as a person would run it."""

import subprocess

from sqlalchemy import URL

from tools.embedded import find_binaries


def psql(url: URL, script: str) -> None:
    """Run a script that must succeed."""
    target = url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(
        [find_binaries() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", target],
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
