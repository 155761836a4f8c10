"""What all repositories of this project share."""

from typing import TypeVar

from .. import db
from ..models.base import Base, Key

M = TypeVar("M", bound=Base)


class Repository(db.Repository[M, Key]):
    """The rows of one model, by this project's kind of primary key."""
