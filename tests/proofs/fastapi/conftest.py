"""The fixtures for the proofs of the web."""

from tests.proofs.fastapi.sites import isolated_site, served_site, site
from tests.proofs.support.actors import begin_hook
from tests.proofs.support.faults import server

__all__ = ["begin_hook", "isolated_site", "served_site", "server", "site"]
