"""Which database system this project uses: the room that knows its driver and its SQL.

A room of another system is a directory beside `postgresql/`, with the same names and signatures.
"""

from . import postgresql as dialect

__all__ = ["dialect"]
