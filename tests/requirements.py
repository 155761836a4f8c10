"""The parts that some tests need besides Python and git: `@pytest.mark.requires("docker")`.

If a part is missing, these tests do not run. The last lines of the output say which tests, why, and
how to install the part. With REQUIRE=all in the environment these tests fail instead.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest


class Part(NamedTuple):
    """A part that a bare machine does not have, and the sentences about it."""

    is_there: Callable[[], bool]
    why: str
    how: str


def docker_answers() -> bool:
    """Return whether Docker answers, and its command is installed."""
    return shutil.which("docker") is not None and succeeds("docker", "info")


def compose() -> list[str] | None:
    """Return the command of Docker Compose, of version 2 or of version 1, or None."""
    if not docker_answers():
        return None
    commands = [["docker", "compose"], ["docker-compose"]]
    return next((each for each in commands if succeeds(*each, "version")), None)


def chromium() -> str | None:
    """Return the path of Chromium or of a browser with the same protocol, or None."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def succeeds(*command: str) -> bool:
    """Return whether a command soon ends with 0."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


PARTS = {
    "chromium": Part(
        lambda: chromium() is not None,
        "Chromium is not installed",
        "apt-get install chromium",
    ),
    "compose": Part(
        lambda: compose() is not None,
        "Docker Compose does not answer",
        "install Docker, start its daemon, and apt-get install docker-compose",
    ),
    "docker": Part(
        docker_answers,
        "Docker does not answer",
        "install Docker and start its daemon",
    ),
    "pgbouncer": Part(
        lambda: shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") is not None,
        "PgBouncer is not installed",
        "apt-get install pgbouncer",
    ),
    "postgresql": Part(
        lambda: any(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
        "the PostgreSQL of the tests has no TLS",
        "apt-get install postgresql",
    ),
    "node": Part(
        lambda: shutil.which("node") is not None,
        "pyright needs Node.js, and would load it from the network",
        "apt-get install nodejs",
    ),
    "root": Part(
        lambda: hasattr(os, "geteuid") and os.geteuid() == 0,
        "only root can run a program as another user",
        "run the tests as root",
    ),
    "zensical": Part(
        lambda: shutil.which("zensical") is not None,
        "zensical is not installed",
        "install the tools of requirements.lock",
    ),
}
PREFIX = "it needs "


@cache
def is_there(name: str) -> bool:
    """Return whether this machine has a part. This looks once, and only if a test needs the part."""
    return PARTS[name].is_there()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        for name in marker.args:
            if not is_there(name):
                end = pytest.fail if os.environ.get("REQUIRE") == "all" else pytest.skip
                end(f"{PREFIX}{name}: {PARTS[name].why}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print the tests that did not run. These are the last lines of pytest."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:  # a worker of pytest-xdist has no terminal
        for line in lines(reporter.getreports("skipped")):
            reporter.write_line(line)


def lines(reports: list[pytest.TestReport]) -> Iterator[str]:
    """Yield which tests did not run because of a missing part, why, and how to install it."""
    missing: dict[str, list[str]] = {}
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        name, found, _ = reason.removeprefix(f"Skipped: {PREFIX}").partition(": ")
        if found and name in PARTS:
            missing.setdefault(name, []).append(report.nodeid)
    for name, tests in missing.items():
        yield f"Not run, because {PARTS[name].why}:"
        yield from (f"    {test}" for test in sorted(tests))
        yield f"  To run it: {PARTS[name].how}."
