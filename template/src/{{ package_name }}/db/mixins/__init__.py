"""Columns and behaviour that several models share, by subject.

A model takes the mixins that it needs: `class User(PrimaryKey, Timestamps, Base)`. The DDL that a
mixin emits never changes: new behaviour is a new mixin.

They cannot be mixed into a class with `MappedAsDataclass`: SQLAlchemy takes only dataclasses there. Such
a model declares these columns itself.
"""

from . import bigint, uuid4, uuid7
from .soft_delete import SoftDelete
from .timestamps import CreatedAt, Timestamps
from .versioned import Versioned

__all__ = ["CreatedAt", "SoftDelete", "Timestamps", "Versioned", "bigint", "uuid4", "uuid7"]
