"""The proofs' fixtures."""

from tests.proofs.pagination_tables import tables
from tests.proofs.tables import bank, proof_settings

__all__ = ["bank", "proof_settings", "tables"]
