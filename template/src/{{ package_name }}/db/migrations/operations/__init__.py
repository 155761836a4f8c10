"""The operations that revisions have beside Alembic's own."""

from .concurrently import BackfillOp, Concurrently, ReplaceIndex, SetNotNull

__all__ = ["BackfillOp", "Concurrently", "ReplaceIndex", "SetNotNull"]
