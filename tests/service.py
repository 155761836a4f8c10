"""Run the service of a rendered project, for tests that send requests to it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, ROOT, run
from tests.requirements import chromium

PLAYWRIGHT = ["uv", "run", "--quiet", "--isolated", "--no-project", "--with", "playwright==1.65.*"]


@contextlib.contextmanager
def serving(project: Path, *, terminate: bool = False) -> Iterator[str]:
    """Run `just serve`, and yield the URL of the service when it is ready. Then end it.

    Args:
        terminate: whether SIGTERM to the first process ends it, as a supervisor sends it. Otherwise Ctrl-C does.
    """
    url = f"http://127.0.0.1:{free_port()}"
    log = project / "serve.log"
    command = ["uv", "run", "--quiet", "just", "serve", "--no-reload", "--port", url.split(":")[2]]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=project,
            env=os.environ | NO_DOCKER,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_until_ready(url, process, log)
        yield url
    finally:
        if terminate:
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C in a terminal reaches all processes
        process.wait(60)
        said = log.read_text()
        log.unlink()
        assert "Traceback" not in said, said


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the service is ready. If it ends, or after two minutes, fail with its log."""
    deadline = time.monotonic() + 120
    while status_of(f"{url}/health/ready") != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the service is not ready:\n{log.read_text()}")
        time.sleep(0.1)


def status_of(url: str) -> int | None:
    """Return the status of a GET, or None if nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def post(url: str, given: dict[str, str]) -> None:
    """Send JSON. The answer must be a 201."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(given).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


def log_in_by_hand(
    url: str, account: dict[str, str], directory: Path, client: str = ""
) -> list[str]:
    """Log in on the page `/docs` with Chromium, and read the account. Return what the browser prints.

    Args:
        url: the service.
        account: the `email` and the `password`.
        directory: for a picture of the page.
        client: the name of an organisation.
    """
    program = [*PLAYWRIGHT, "python", str(ROOT / "tests/drive_swagger_ui.py"), str(chromium())]
    arguments = [url, account["email"], account["password"], str(directory / "docs.png"), client]
    return run([*program, *arguments], directory).splitlines()
