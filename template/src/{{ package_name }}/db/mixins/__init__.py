"""What several models have in common, one thing a file.

A model takes what it needs: `class User(PrimaryKey, Timestamps, Base)`. The DDL that a mixin emits
never changes; new behaviour is a new mixin.
"""

from . import bigint, uuid4, uuid7
from .timestamps import Timestamps

__all__ = ["Timestamps", "bigint", "uuid4", "uuid7"]
