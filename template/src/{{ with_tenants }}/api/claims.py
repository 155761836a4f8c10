"""The claims of a token: the keys in it, by their names in RFC 7519. `org` is a name of ours."""

from typing import Self

from pydantic import BaseModel

from ..models import Key, User


class Claims(BaseModel):
    """The keys of a user and of the organisation, which is the tenant."""

    sub: Key
    org: Key

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the claims of a user who has given the right password."""
        return cls(sub=user.id, org=user.tenant_id)
