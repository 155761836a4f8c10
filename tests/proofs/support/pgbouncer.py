"""A PgBouncer in transaction mode, in front of the database of a test."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import URL


@contextmanager
def pgbouncer(server: URL, **settings: object) -> Iterator[URL]:
    """A database that the test reaches through its own PgBouncer."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    assert program, "PgBouncer is not installed: apt-get install pgbouncer"
    with TemporaryDirectory() as directory:
        base = Path(directory)
        process: dict[str, Any] = {}
        if os.geteuid() == 0:  # PgBouncer does not run as root
            group = pwd.getpwnam("nobody").pw_gid
            process = {"user": "nobody", "group": group, "extra_groups": []}
        (base / "users").write_text(f'"{server.username}" "{server.password}"\n')
        while True:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            configure(base, program, server, {"listen_port": port, **settings})
            for path in (base, *base.iterdir()):
                if process:
                    shutil.chown(path, "nobody")
            running = subprocess.Popen([program, "--quiet", base / "pgbouncer.ini"], **process)
            try:
                if is_up(running, base / "log"):  # if not, another program took the port
                    yield server.set(host="127.0.0.1", port=port)
                    return
            finally:
                running.kill()
                running.wait()


def configure(base: Path, program: str, server: URL, settings: dict[str, object]) -> None:
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    if tuple(map(int, version.stdout.split()[1].split(".")[:2])) >= (1, 21):
        # This version can prepare statements itself. The layer must not need that.
        settings = {"max_prepared_statements": 0, **settings}
    settings = {
        "listen_addr": "127.0.0.1",
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": base / "users",
        "logfile": base / "log",
        "pool_mode": "transaction",
        "default_pool_size": 5,
        "max_client_conn": 500,
        **settings,
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    databases = ["[databases]", f"* = host={server.host} port={server.port}", "[pgbouncer]"]
    (base / "pgbouncer.ini").write_text("\n".join([*databases, *lines, ""]))


def is_up(running: subprocess.Popen[Any], log: Path) -> bool:
    deadline = time.monotonic() + 10
    while running.poll() is None:
        if log.exists() and "process up" in log.read_text():
            return True
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    assert "in use" in log.read_text(), log.read_text()
    return False
