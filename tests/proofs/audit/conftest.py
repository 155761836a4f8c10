"""The fixtures for the proofs of the audit."""

from tests.proofs.audit.tables import library

__all__ = ["library"]
