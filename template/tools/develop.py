"""The PostgreSQL of development: ``python -m tools.develop up|down|status``.

It serves the database that ``DATABASE_URL`` names, in the environment or in ``.env``. If ``docker
compose`` answers, the server is the container of ``compose.yaml``. Otherwise it is an embedded
server (``tools.embedded``) with its data in ``.postgres/``. While an embedded server runs, these
commands use that one.

If there is no ``.env``, ``up`` writes one from ``.env.example``. Only you can read it. It has one random
value for all PASSWORDs, and a random value for each SECRET. The user of ``DATABASE_URL`` is no superuser,
since a superuser can run programs on the server's machine. It may create databases.

``down`` keeps the data. The data keeps the user and the password of its first start. To start again
with an empty server, run ``down``, and delete ``.postgres/`` or the volume of the container.
"""

import argparse
import asyncio
import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from .embedded import Cluster, ServerError, find_binaries, quote
from .sources import connect, first_line, parse_url

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / ".postgres"
SUPERUSER = "superuser"  # compose.yaml has the same name
KEPT = "; its data has the first password: write that into .env, or delete .postgres/ or the volume"


def configured(name: str) -> str | None:
    """Return the value of a setting, from the environment or from ``.env``, or None."""
    return os.environ.get(name) or dotenv_values(ROOT / ".env").get(name)


def missing_secrets() -> dict[str, str]:
    """Return a random value for each SECRET of ``.env.example`` that is not configured."""
    example = ROOT / ".env.example"
    text = example.read_text() if example.exists() else ""
    names = re.findall(r"^(\w+)=SECRET$", text, re.MULTILINE)
    return {name: secrets.token_urlsafe() for name in names if not configured(name)}


def database_url() -> URL:
    """Return the URL in DATABASE_URL, with its port. Write ``.env`` if it is missing.

    Raises:
        ServerError: DATABASE_URL is missing or incomplete, or it leads to another machine.
    """
    file, example = ROOT / ".env", ROOT / ".env.example"
    if not configured("DATABASE_URL") and not file.exists() and example.exists():
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(_with_random_values(example.read_text()))
        print("wrote .env as in .env.example, with a random password")
    url = parse_url(configured("DATABASE_URL") or "", "DATABASE_URL")
    if not (url.username and url.password and url.database):
        raise ServerError("DATABASE_URL must name a user, a password and a database")
    if url.host not in ("localhost", "127.0.0.1", "::1"):
        raise ServerError(
            f"DATABASE_URL leads to {url.host}: name localhost, or start that server yourself"
        )
    return url.set(port=url.port or 5432)


def _with_random_values(example: str) -> str:
    """Replace all PASSWORDs by one random value, and each SECRET by its own random value."""
    text = re.sub(r"\bPASSWORD(?=@|$)", secrets.token_urlsafe(), example, flags=re.MULTILINE)
    return re.sub(r"(?<==)SECRET$", lambda _: secrets.token_urlsafe(), text, flags=re.MULTILINE)


def up(url: URL, attributes: str) -> str:
    """Start the server and create the database, if they are missing. Return the new status.

    Args:
        attributes: what the user of the URL may, besides its own tables.
    """
    server, role = url.set(database="postgres"), _role(url, attributes)
    if _embedded_port() is None and _compose(url, "ls", quiet=True):
        if not _compose(url, "up", "--detach", "--wait", "postgres"):
            raise ServerError("docker compose could not start postgres: read its message above")
        query = "SELECT 1 FROM pg_roles WHERE rolname = :name"
        asyncio.run(_make(server.set(username=SUPERUSER), url.username, query, *role))
    else:
        _start_embedded(url, role)
    create = "CREATE DATABASE " + quote(str(url.database), '"')
    query = "SELECT 1 FROM pg_database WHERE datname = :name"
    asyncio.run(_make(server, url.database, query, create))
    return status(url)


def down(url: URL) -> str:
    """Stop the server and keep its data."""
    if _embedded_port() is not None:
        Cluster(BASE, find_binaries()).stop()
    elif _compose(url, "ls", quiet=True) and not _compose(url, "stop", "postgres"):
        raise ServerError("docker compose could not stop postgres: read its message above")
    return "stopped"


def status(url: URL) -> str:
    """Return which server has the database. If no server has it, the driver raises its error."""
    asyncio.run(_make(url, url.database, "SELECT CAST(:name AS text)"))  # connects only
    kind = "embedded, data in .postgres" if _embedded_port() == url.port else "not embedded"
    return f"{kind}, port {url.port}, database {url.database}"


def _embedded_port() -> int | None:
    # This file is enough to know that no embedded server runs: the binaries may be missing.
    if not (BASE / "data" / "postmaster.pid").exists():
        return None
    return Cluster(BASE, find_binaries()).port


def _start_embedded(url: URL, role: list[str]) -> None:
    cluster = Cluster(BASE, find_binaries())
    if cluster.port == url.port:
        return
    taken = _listening(url)  # ask before the start: macOS lets two servers share a port
    if not taken:
        cluster.stop()  # it may run on another port, from an earlier DATABASE_URL
        if not cluster.data.exists():
            cluster.create(SUPERUSER, "".join(f"{line}\n" for line in role))
        taken = not cluster.start({"port": str(url.port), "listen_addresses": str(url.host)})
    if taken:
        raise ServerError(f"another server uses port {url.port}: give DATABASE_URL another port")


def _listening(url: URL) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((str(url.host), url.port or 0), timeout=2).close()
        return True
    return False


def _compose(url: URL, *arguments: str, quiet: bool = False) -> bool:
    """Return whether docker compose succeeded. It reads the password from the environment.

    Other users of the machine can read the arguments of a command, but not its environment.
    """
    if not (ROOT / "compose.yaml").exists() or not shutil.which("docker"):
        return False
    parts = {"POSTGRES_PASSWORD": str(url.password), "POSTGRES_PORT": str(url.port)}
    process: dict[str, Any] = {"cwd": ROOT, "env": os.environ | parts, "capture_output": quiet}
    return not subprocess.run(["docker", "compose", *arguments], check=False, **process).returncode


async def _make(url: URL, name: str | None, query: str, *statements: str) -> None:
    """Connect, and run the statements unless the query finds the name."""
    async with connect(url) as server:
        if not await server.scalar(text(query), {"name": name}):
            for statement in statements:
                await server.exec_driver_sql(statement)


def _role(url: URL, attributes: str) -> list[str]:
    """Return the statements that make the user. It owns the database ``postgres``, to use that too."""
    name, password = quote(str(url.username), '"'), quote(str(url.password), "'")
    return [
        f"CREATE ROLE {name} LOGIN {attributes} PASSWORD {password}",
        f"ALTER DATABASE postgres OWNER TO {name}",
    ]


def main(attributes: str = "CREATEDB") -> None:
    """Run the command, and print its result. Print one sentence and exit with 1 if it fails.

    Args:
        attributes: as for `up`.
    """
    commands = {"up": lambda url: up(url, attributes), "down": down, "status": status}
    BASE.mkdir(mode=0o700, exist_ok=True)
    if sys.platform != "win32":  # if two run at the same time, one waits for the other
        import fcntl

        fcntl.flock(os.open(BASE, os.O_RDONLY), fcntl.LOCK_EX)
    parser = argparse.ArgumentParser(prog="python -m tools.develop")
    parser.add_argument("command", choices=commands)
    try:
        print("PostgreSQL:", commands[parser.parse_args().command](database_url()))
    except ServerError as error:
        sys.exit(str(error))
    except (DBAPIError, OSError) as error:
        kept = KEPT if "password" in str(error) else ""
        sys.exit(f"no server accepts DATABASE_URL: {first_line(error)}{kept}")


if __name__ == "__main__":
    main()
