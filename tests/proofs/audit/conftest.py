"""The fixtures of the audit's proofs."""

from tests.proofs.audit.tables import library

__all__ = ["library"]
