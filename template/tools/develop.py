"""The PostgreSQL of development: ``python -m tools.develop up|down|status``.

It serves the database that ``DATABASE_URL`` names, in the environment or else in ``.env``: a
container by ``compose.yaml`` if ``docker compose`` answers, else a server from the binaries of
``tools.embedded`` with its data in ``.postgres/``. Each keeps its own data, and a server that
runs already is left alone. To begin anew: ``down``, then delete ``.postgres/`` (or the volume).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from dotenv import dotenv_values
from sqlalchemy import URL, text

from .embedded import Cluster, ServerError, find_binaries
from .sources import connect, first_line, parse_url

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / ".postgres"


def configured_url() -> str | None:
    """What DATABASE_URL says, in the environment or else in ``.env``; None if nothing."""
    return os.environ.get("DATABASE_URL") or dotenv_values(ROOT / ".env").get("DATABASE_URL")


def database_url() -> URL:
    """The URL in DATABASE_URL; makes ``.env`` from ``.env.example`` if it needs one.

    Raises:
        ServerError: there is none, it is incomplete, or it leads to another machine.
    """
    file, example = ROOT / ".env", ROOT / ".env.example"
    if not os.environ.get("DATABASE_URL") and not file.exists() and example.exists():
        shutil.copyfile(example, file)
        print("made .env, a copy of .env.example")
    value = configured_url()
    if not value:
        raise ServerError("DATABASE_URL is neither in the environment nor in .env")
    url = parse_url(value, "DATABASE_URL")
    if not (url.username and url.password and url.database):
        raise ServerError("DATABASE_URL must name a user, a password and a database")
    if url.host not in ("localhost", "127.0.0.1", "::1"):
        raise ServerError(f"DATABASE_URL leads to {url.host}, and only localhost is served here")
    return url.set(port=url.port or 5432)


def up(url: URL) -> None:
    """Start the server if need be, make the database if need be, say what serves it."""
    if _embedded_port() is None and _compose_answers():
        if _compose(url, "up", "--detach", "--wait", "postgres") != 0:
            raise ServerError("docker compose could not start postgres, as it says above")
        kind = "a container"
    else:
        _start_embedded(url)
        kind = "embedded, data in .postgres"
    try:
        asyncio.run(_make_database(url))
    except Exception as error:  # the system's, asyncpg's and SQLAlchemy's, each its own kind
        raise ServerError(
            f"PostgreSQL runs ({kind}) but refuses DATABASE_URL, as its data keeps the user and "
            f"password that it was made with: {first_line(error)}"
        ) from error
    print(f"PostgreSQL: {kind}, port {url.port}, database {url.database}")


def down(url: URL) -> None:
    """Stop the server; its data stays."""
    if _embedded_port() is not None:
        Cluster(BASE, find_binaries()).stop()
    elif _compose_answers() and _compose(url, "stop", "postgres") != 0:
        raise ServerError("docker compose could not stop postgres, as it says above")
    print("PostgreSQL: stopped")


def status(url: URL) -> None:
    """Say what serves the database.

    Raises:
        ServerError: nothing does.
    """
    try:
        asyncio.run(_find_database(url))
    except Exception as error:  # as in `up`
        raise ServerError(f"nothing serves DATABASE_URL: {first_line(error)}") from error
    kind = "embedded" if _embedded_port() == url.port else "not embedded"
    print(f"PostgreSQL: {kind}, port {url.port}, database {url.database}")


def _embedded_port() -> int | None:
    # Looked at first, so that nobody needs the binaries to learn that they are not in use.
    if not (BASE / "data" / "postmaster.pid").exists():
        return None
    return Cluster(BASE, find_binaries()).port


def _start_embedded(url: URL) -> None:
    BASE.mkdir(exist_ok=True)
    cluster = Cluster(BASE, find_binaries())
    if cluster.port == url.port:
        return
    taken = _listening(url)  # asked first: macOS lets two servers share a port
    if not taken:
        cluster.stop()  # it may run on the port of an earlier DATABASE_URL
        if not cluster.data.exists():
            cluster.create(str(url.username), str(url.password))
        taken = not cluster.start({"port": str(url.port), "listen_addresses": str(url.host)})
    if taken:
        raise ServerError(
            f"port {url.port} is taken by another server: stop it, or change DATABASE_URL"
        )


def _listening(url: URL) -> bool:
    try:
        socket.create_connection((str(url.host), url.port or 0), timeout=2).close()
    except OSError:
        return False
    return True


def _compose_answers() -> bool:
    if not (ROOT / "compose.yaml").exists() or not shutil.which("docker"):
        return False
    ask = ["docker", "compose", "ls", "--quiet"]  # unlike `version` it needs the daemon
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0


def _compose(url: URL, *arguments: str) -> int:
    """Run docker compose, with the parts of the URL in its environment and not in its arguments."""
    environment = os.environ | {
        "POSTGRES_USER": str(url.username),
        "POSTGRES_PASSWORD": str(url.password),
        "POSTGRES_DB": str(url.database),
        "POSTGRES_PORT": str(url.port),
    }
    command = ["docker", "compose", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


async def _find_database(url: URL) -> None:
    async with connect(url):
        pass


async def _make_database(url: URL) -> None:
    async with connect(url.set(database="postgres")) as server:
        query = text("SELECT 1 FROM pg_database WHERE datname = :name")
        if not await server.scalar(query, {"name": url.database}):
            name = server.dialect.identifier_preparer.quote_identifier(str(url.database))
            await server.exec_driver_sql(f"CREATE DATABASE {name}")


def main() -> None:
    """Run the command that the command line names; one sentence and exit 1 when it cannot be."""
    commands = {"up": up, "down": down, "status": status}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        raise SystemExit("usage: python -m tools.develop up|down|status")
    try:
        commands[sys.argv[1]](database_url())
    except (ServerError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
