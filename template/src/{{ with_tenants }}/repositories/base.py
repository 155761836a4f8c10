"""What all repositories of this project share."""

from typing import TypeVar

from ..db import tenancy
from ..models.base import Base, Key

M = TypeVar("M", bound=Base)


class ReadRepository(tenancy.ReadRepository[M, Key]):
    """Read the rows of one model, of the tenant of the session, by `id`."""


class Repository(ReadRepository[M], tenancy.Repository[M, Key]):
    """Read and change the rows of one model."""
