"""The fixtures for the proofs of tenancy."""

from tests.proofs.support.sampling import pytest_collection_modifyitems, pytest_configure
from tests.proofs.tenancy.revisions import project
from tests.proofs.tenancy.tables import login, owner, shop, shop_url

__all__ = [
    "login",
    "owner",
    "project",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "shop",
    "shop_url",
]
