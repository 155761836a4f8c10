"""The proofs' fixtures."""

from tests.proofs.bulk_tables import stock, stock_url
from tests.proofs.tables import bank, proof_settings

__all__ = ["bank", "proof_settings", "stock", "stock_url"]
