"""A value that means "not given", for arguments that may be None.

::

    async def edit(uow: UnitOfWork, user: User, *, bio: str | None | Unset = UNSET) -> None:
        await uow.users.update(user, bio=bio)  # None clears it, UNSET leaves it alone
"""

import enum
from typing import Final


class Unset(enum.Enum):
    """The type of `UNSET`. It is an enumeration, so that type checkers narrow `value is UNSET`."""

    UNSET = "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET
"""Not given."""
