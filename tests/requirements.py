"""What some tests need beside Python and git: `@pytest.mark.requires("docker")`.

Where it is missing these tests do not run, and the last lines of the output say which, why, and how to
have it. With REQUIRE=all in the environment a missing part makes them fail instead.
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
    """A part that a bare machine lacks, and the sentences about it."""

    is_there: Callable[[], bool]
    why: str
    how: str


def docker_answers() -> bool:
    """Whether there is a Docker daemon, and the program that talks to it."""
    return shutil.which("docker") is not None and succeeds("docker", "info")


def succeeds(*command: str) -> bool:
    """Whether a command ends with 0, and soon."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


PARTS = {
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
        "the PostgreSQL that the tests bring along has no TLS",
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
}
PREFIX = "it needs "


@cache
def is_there(name: str) -> bool:
    """Whether this machine has a part; looked for once, and only if a test needs it."""
    return PARTS[name].is_there()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        for name in marker.args:
            if not is_there(name):
                end = pytest.fail if os.environ.get("REQUIRE") == "all" else pytest.skip
                end(f"{PREFIX}{name}: {PARTS[name].why}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say what was not run. This is the last thing that pytest prints."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:  # a worker of pytest-xdist has none
        for line in lines(reporter.getreports("skipped")):
            reporter.write_line(line)


def lines(reports: list[pytest.TestReport]) -> Iterator[str]:
    """What was not run for want of a part: which tests, why, and how to have it."""
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
