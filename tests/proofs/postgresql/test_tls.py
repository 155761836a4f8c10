"""URLs that ask for TLS. The PostgreSQL of the wheel has no TLS, so this uses the system's."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme
from sqlalchemy import text

from shop import db
from shop.db import Database, DatabaseSettings, errors
from tools.embedded import Cluster

SECRET = "s3cr3t"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def port(authority: trustme.CA) -> Iterator[int]:
    """The port of a PostgreSQL whose certificate is for localhost."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
    with TemporaryDirectory() as directory:
        cluster = Cluster(Path(directory), binaries)
        cluster.create("me", f"ALTER ROLE me PASSWORD '{SECRET}'\n", "--no-sync")
        certificate = authority.issue_cert("localhost")
        key, chain = cluster.data / "server.key", cluster.data / "server.crt"
        certificate.private_key_pem.write_to_path(str(key))
        certificate.cert_chain_pems[0].write_to_path(str(chain))
        key.chmod(0o600)
        owner = cluster.data.stat()
        for path in (key, chain):
            os.chown(path, owner.st_uid, owner.st_gid)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        assert cluster.start({"port": str(port), "ssl": "on", "fsync": "off"})
        try:
            yield port
        finally:
            cluster.stop("immediate")


async def uses_tls(url: str) -> bool:
    query = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    settings = DatabaseSettings(_env_file=None, url=url)
    async with Database(settings, db.UnitOfWork) as database, database.unit_of_work() as work:
        return bool(await work.session.scalar(query))


async def test_tls_is_used_if_the_url_requires_it(port: int) -> None:
    base = f"postgres://me:{SECRET}@localhost:{port}/postgres"

    assert await uses_tls(f"{base}?sslmode=require&channel_binding=require")
    assert not await uses_tls(f"{base}?sslmode=disable")


async def test_the_server_is_verified_if_the_url_asks_for_it(
    port: int, authority: trustme.CA, tmp_path: Path
) -> None:
    ours, others = tmp_path / "ours.pem", tmp_path / "others.pem"
    authority.cert_pem.write_to_path(str(ours))
    trustme.CA().cert_pem.write_to_path(str(others))
    base = f"postgresql://me:{SECRET}@localhost:{port}/postgres?sslmode=verify-full&sslrootcert="

    assert await uses_tls(f"{base}{ours}")
    with pytest.raises(errors.ConnectionRejected, match="certificate verify failed") as error:
        await uses_tls(f"{base}{others}")
    assert SECRET not in str(error.value)

    with pytest.raises(errors.ConnectionRejected, match="certificate"):
        await uses_tls(f"{base}{ours}".replace("localhost", "127.0.0.1"))
