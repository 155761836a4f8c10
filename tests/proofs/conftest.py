"""The proofs' fixtures."""

from tests.proofs.bulk_tables import stock, stock_url
from tests.proofs.faults import server, tally
from tests.proofs.pagination_tables import tables
from tests.proofs.revisions import project
from tests.proofs.soft_delete_tables import hidden
from tests.proofs.tables import bank, proof_settings

__all__ = [
    "bank",
    "hidden",
    "project",
    "proof_settings",
    "server",
    "stock",
    "stock_url",
    "tables",
    "tally",
]
