"""Which database system this project uses. Its room has all code for its driver and its SQL.

The room of another system would be a directory beside `postgresql/`, with the same functions.
"""

from . import postgresql as dialect

__all__ = ["dialect"]
