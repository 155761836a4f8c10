"""The database that this project's migrations are for: the only line that another one changes."""

from . import postgresql as dialect

__all__ = ["dialect"]
