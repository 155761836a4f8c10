"""Which database system this project uses. The named room knows its driver and its SQL.

The room of another system would be a directory beside `postgresql/`, with the same functions.
"""

from . import postgresql as dialect

__all__ = ["dialect"]
