"""The URL of a database, in the forms in which people and hosting services give it.

Accepted: `postgres://`, `postgresql://` and `postgresql+asyncpg://`, with the query parameters that
libpq knows and asyncpg understands, TLS included (`sslmode=verify-full&sslrootcert=…`). Without an
explicit driver SQLAlchemy 2.1 would take psycopg 3, and as keyword arguments asyncpg would refuse
`sslmode`; so the driver is made explicit here, and asyncpg gets the parameters as a DSN, which it
reads as libpq does.

Limits: one host, or several as repeated `host=` parameters. `channel_binding` is left out, because
asyncpg has none: `sslmode=verify-full` protects against the same attack. `connect_timeout` is left
out too: it is a setting of ours.
"""

from collections.abc import Mapping

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVER = "postgresql+asyncpg"

_FORMS = {"postgres", "postgresql", DRIVER}
_FOR_SQLALCHEMY = {"host", "port"}
_FOR_ASYNCPG = {
    "application_name",
    "gsslib",
    "krbsrvname",
    "options",
    "passfile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
}
_LEFT_OUT = {"channel_binding", "connect_timeout"}


def parse_url(text: str | URL) -> URL:
    """Return the URL with the driver made explicit; its `str()` and `repr()` hide the password.

    Raises:
        ValueError: it is no URL of PostgreSQL, or has a parameter that is not known. The message
            never holds a part of the URL but the names of parameters.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(
            "it is not like postgresql://user:password@host:5432/database, with special characters "
            "of the password percent-encoded"
        ) from None
    if url.drivername not in _FORMS:
        raise ValueError("it does not begin with postgresql://")
    if not url.database:
        raise ValueError("it names no database after the last slash")
    if any(mark in (url.host or "") for mark in "@,"):
        # What stands before the last @ would be taken for the password, and the rest be shown.
        raise ValueError("its host has an @ or a comma; percent-encode those of the password")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("its port is not between 1 and 65535")
    unknown = sorted(url.query.keys() - _FOR_SQLALCHEMY - _FOR_ASYNCPG - _LEFT_OUT)
    if unknown:
        raise ValueError(f"it has parameters that are not known: {', '.join(unknown)}")
    return url.set(drivername=DRIVER).difference_update_query(sorted(_LEFT_OUT))


def split_url(url: URL) -> tuple[URL, Mapping[str, str]]:
    """Return the URL for SQLAlchemy, and arguments for asyncpg with the rest of what it says.

    Args:
        url: as `parse_url` returns it.
    """
    rest = url.difference_update_query(sorted(_FOR_SQLALCHEMY)).query
    if not rest:
        return url, {}
    dsn = URL.create("postgresql", query=rest).render_as_string(hide_password=False)
    return url.difference_update_query(sorted(rest)), {"dsn": dsn}
