"""The fixtures for the proofs of the recipe for jobs."""

from tests.proofs.support.faults import server

__all__ = ["server"]
