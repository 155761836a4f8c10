"""The URL of a database: `sqlite:///file.db`."""

from collections.abc import Mapping

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError


def parse_url(text: str | URL) -> URL:
    """Return the URL with its driver, or raise ValueError."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("it does not have the form sqlite:///file.db") from None
    if url.get_backend_name() != "sqlite" or not url.database:
        raise ValueError("it does not name a file of SQLite")
    return url.set(drivername="sqlite+aiosqlite")


def split_url(url: URL) -> tuple[URL, Mapping[str, str]]:
    """Return the URL unchanged, because the driver reads its parameters."""
    return url, {}
