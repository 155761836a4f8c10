"""Moving credits between users."""

from ..db.errors import NotFound
from ..models import Key
from .protocols import UnitOfWork


class InsufficientCredits(Exception):
    """The sender has fewer credits than the amount of the transfer."""


async def transfer(uow: UnitOfWork, *, sender: Key, recipient: Key, amount: int) -> None:
    """Move credits from one user to another.

    Both rows stay locked until the transaction ends, so concurrent transfers wait for each other
    and the sum of all credits stays the same.

    Raises:
        ValueError: the amount is not positive, or sender and recipient are the same.
        NotFound: one of the users does not exist.
        InsufficientCredits: the sender has too few credits.
    """
    if amount <= 0:
        raise ValueError("the amount of a transfer must be positive")
    if sender == recipient:
        raise ValueError("a transfer needs two users")
    users = await uow.users.lock(sender, recipient)
    if len(users) < 2:
        raise NotFound("one of the users does not exist")
    if users[sender].credits < amount:
        raise InsufficientCredits(
            f"the sender has {users[sender].credits} credits, and {amount} are needed"
        )
    users[sender].credits -= amount
    users[recipient].credits += amount
