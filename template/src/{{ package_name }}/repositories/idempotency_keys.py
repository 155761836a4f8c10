"""The keys of requests that must not take effect twice."""

from sqlalchemy.dialects.postgresql import insert

from ..models import IdempotencyKey, Key
from .base import Repository


class IdempotencyKeyRepository(Repository[IdempotencyKey]):
    model = IdempotencyKey

    async def claim(self, user: Key, *, operation: str, key: str, request_hash: str) -> bool:
        """Add a key, and return whether it is new.

        If another open transaction has added the same key, this waits until that transaction ends.
        """
        statement = insert(IdempotencyKey).on_conflict_do_nothing()
        statement = statement.values(
            user_id=user, operation=operation, key=key, request_hash=request_hash
        )
        added = await self.session.execute(statement.returning(IdempotencyKey.id))
        return added.first() is not None

    async def get_claimed(self, user: Key, *, operation: str, key: str) -> IdempotencyKey:
        """Return the row of a key that `claim` or an earlier request added."""
        claimed = await self.one_or_none(
            IdempotencyKey.user_id == user,
            IdempotencyKey.operation == operation,
            IdempotencyKey.key == key,
        )
        assert claimed is not None
        return claimed
