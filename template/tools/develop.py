"""The PostgreSQL of development: ``python -m tools.develop up|down|status``.

It serves the database that ``DATABASE_URL`` names, in the environment or else in ``.env``: a
container by ``compose.yaml`` if ``docker compose`` answers, else a server from the binaries of
``tools.embedded`` with its data in ``.postgres/``, which stays the one while it runs. Each keeps
its data, and with it the user and password that it was made for. To begin anew: ``down``, then
delete ``.postgres/`` or the volume.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from dotenv import dotenv_values
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from .embedded import Cluster, ServerError, find_binaries
from .sources import connect, first_line, parse_url

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / ".postgres"


def configured_url() -> str | None:
    """What DATABASE_URL says, in the environment or else in ``.env``; None if nothing."""
    return os.environ.get("DATABASE_URL") or dotenv_values(ROOT / ".env").get("DATABASE_URL")


def database_url() -> URL:
    """The URL in DATABASE_URL, port included; makes ``.env`` from ``.env.example`` for it.

    Raises:
        ServerError: there is none, it is incomplete, or it leads to another machine.
    """
    file, example = ROOT / ".env", ROOT / ".env.example"
    if not configured_url() and not file.exists() and example.exists():
        shutil.copyfile(example, file)
        print("made .env, a copy of .env.example")
    url = parse_url(configured_url() or "", "DATABASE_URL")
    if not (url.username and url.password and url.database):
        raise ServerError("DATABASE_URL must name a user, a password and a database")
    if url.host not in ("localhost", "127.0.0.1", "::1"):
        raise ServerError(f"DATABASE_URL leads to {url.host}, and only localhost is served here")
    return url.set(port=url.port or 5432)


def up(url: URL) -> str:
    """Start the server if need be, make the database if need be; return what serves it."""
    if _embedded_port() is None and _compose(url, "ls", quiet=True):
        if not _compose(url, "up", "--detach", "--wait", "postgres"):
            raise ServerError("docker compose could not start postgres, as it says above")
    else:
        _start_embedded(url)
    asyncio.run(_make_database(url))
    return status(url)


def down(url: URL) -> str:
    """Stop the server; its data stays."""
    if _embedded_port() is not None:
        Cluster(BASE, find_binaries()).stop()
    elif _compose(url, "ls", quiet=True) and not _compose(url, "stop", "postgres"):
        raise ServerError("docker compose could not stop postgres, as it says above")
    return "stopped"


def status(url: URL) -> str:
    """Return what serves the database; the driver's error if nothing does."""
    asyncio.run(_find_database(url))
    kind = "embedded, data in .postgres" if _embedded_port() == url.port else "not embedded"
    return f"{kind}, port {url.port}, database {url.database}"


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
        raise ServerError(f"port {url.port} is taken by another server: change it in .env")


def _listening(url: URL) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((str(url.host), url.port or 0), timeout=2).close()
        return True
    return False


def _compose(url: URL, *arguments: str, quiet: bool = False) -> bool:
    """Whether docker compose did it, with the URL's parts where nobody sees them."""
    if not (ROOT / "compose.yaml").exists() or not shutil.which("docker"):
        return False
    parts = {"USER": url.username, "PASSWORD": url.password, "DB": url.database, "PORT": url.port}
    environment = os.environ | {f"POSTGRES_{name}": str(part) for name, part in parts.items()}
    command = ["docker", "compose", *arguments]
    run = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=quiet)
    return run.returncode == 0


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
    """Do what the command line says; one sentence and exit 1 when it cannot be."""
    commands = {"up": up, "down": down, "status": status}
    parser = argparse.ArgumentParser(prog="python -m tools.develop")
    parser.add_argument("command", choices=commands)
    command = commands[parser.parse_args().command]
    try:
        print("PostgreSQL:", command(database_url()))
    except ServerError as error:
        sys.exit(str(error))
    except (DBAPIError, OSError) as error:  # a wrong password: the data keeps its first one
        sys.exit(f"DATABASE_URL is not served: {first_line(error)}")


if __name__ == "__main__":
    main()
