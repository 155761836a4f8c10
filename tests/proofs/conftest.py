"""The fixtures of the proofs."""

from tests.proofs.support.accounts import bank, proof_settings
from tests.proofs.support.actors import begin_hook
from tests.proofs.support.books import books, tables
from tests.proofs.support.faults import server, tally
from tests.proofs.support.fleet import fleet
from tests.proofs.support.history import shed
from tests.proofs.support.items import tenants
from tests.proofs.support.people import stock, stock_url
from tests.proofs.support.pets import hidden
from tests.proofs.support.restartable import restartable, server_of_our_own
from tests.proofs.support.revisions import project
from tests.proofs.support.sampling import pytest_collection_modifyitems, pytest_configure
from tests.proofs.support.shapes import world
from tests.proofs.support.things import things_database
from tests.proofs.support.typed import typed

__all__ = [
    "bank",
    "begin_hook",
    "books",
    "fleet",
    "hidden",
    "project",
    "proof_settings",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "restartable",
    "server",
    "server_of_our_own",
    "shed",
    "stock",
    "stock_url",
    "tables",
    "tally",
    "tenants",
    "things_database",
    "typed",
    "world",
]
