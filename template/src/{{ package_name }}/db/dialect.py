"""Which database system this project uses. Its room has all code for its driver and its SQL.

The room of another system would be a directory beside `postgresql/`, with the same functions.
"""

# The layer imports the room from here.
# mypy: implicit-reexport
# ruff: noqa: F401

from . import postgresql as dialect
