"""What all repositories of this project share."""

from typing import TypeVar

from .. import db
from ..models.base import Base, Key

M = TypeVar("M", bound=Base)


class ReadRepository(db.ReadRepository[M, Key]):
    """Read the rows of one model, by this project's kind of primary key."""


class Repository(ReadRepository[M], db.Repository[M, Key]):
    """Read and change the rows of one model."""
