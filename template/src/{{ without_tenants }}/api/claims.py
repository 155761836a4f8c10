"""The claims of a token: the keys in it, by their names in RFC 7519."""

from typing import Self

from pydantic import BaseModel

from ..models import Key, User


class Claims(BaseModel):
    """The key of a user."""

    sub: Key

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the claims of a user who has given the right password."""
        return cls(sub=user.id)
