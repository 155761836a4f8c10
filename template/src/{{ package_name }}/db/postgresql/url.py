"""The URL of a database, in the forms that people and hosting services use.

A URL begins with `postgres://`, `postgresql://` or `postgresql+asyncpg://`. It may have the parameters
of libpq that asyncpg understands, also for TLS (`sslmode=verify-full&sslrootcert=…`).

SQLAlchemy 2.1 uses psycopg 3 for a URL without a driver, so `parse_url` adds the driver. The driver
asyncpg does not take `sslmode` as a keyword argument. It gets the parameters as a DSN, which it
reads like libpq.

Limits: a URL has one host, or several hosts as repeated parameters `host=`. `channel_binding` is
removed, because asyncpg does not have it. `sslmode=verify-full` protects against the same attack.
`connect_timeout` is removed too, because it is a setting of this layer.
"""

from collections.abc import Mapping

from sqlalchemy import URL, exc, make_url

DRIVER = "postgresql+asyncpg"

_FOR_SQLALCHEMY = {"host", "port"}
_FOR_ASYNCPG = {
    *("application_name", "krbsrvname", "options", "passfile", "target_session_attrs"),
    *("gsslib", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcrl"),
    *("sslkey", "sslmode", "sslnegotiation", "sslrootcert"),
}
_LEFT_OUT = {"channel_binding", "connect_timeout"}


def parse_url(text: str | URL) -> URL:
    """Return the URL with its driver. `str()` and `repr()` of it hide the password.

    Raises:
        ValueError: it is not a URL of PostgreSQL, or it has an unknown parameter. The message shows
            only the names of parameters.
    """
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        wrong = "it does not have the form postgresql://user:password@host:5432/database"
        raise ValueError(f"{wrong}; percent-encode special characters of the password") from None
    if url.drivername not in {"postgres", "postgresql", DRIVER}:
        raise ValueError("it must begin with postgresql://, without the name of another driver")
    if not url.database:
        raise ValueError("it names no database after the last slash")
    if any(mark in (url.host or "") for mark in "@,"):
        # The last @ ends the password, so messages would show a part of it as the host.
        raise ValueError("its host has an @ or a comma: percent-encode them in the password")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("its port is not between 1 and 65535")
    if unknown := sorted(url.query.keys() - _FOR_SQLALCHEMY - _FOR_ASYNCPG - _LEFT_OUT):
        raise ValueError(f"it has unknown parameters: {', '.join(unknown)}")
    return url.set(drivername=DRIVER).difference_update_query(sorted(_LEFT_OUT))


def split_url(url: URL) -> tuple[URL, Mapping[str, str]]:
    """Return the URL for SQLAlchemy, and the other parameters as arguments for asyncpg.

    Args:
        url: as `parse_url` returns it.
    """
    rest = url.difference_update_query(sorted(_FOR_SQLALCHEMY)).query
    dsn = URL.create("postgresql", query=rest).render_as_string()
    return url.difference_update_query(sorted(rest)), {"dsn": dsn}
