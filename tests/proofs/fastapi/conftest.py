"""The fixtures for the proofs of the web."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

from tests.proofs.fastapi.sites import isolated_site, served_site, site
from tests.proofs.support.actors import begin_hook
from tests.proofs.support.faults import server
from tests.proofs.support.restartable import restartable, server_of_our_own

__all__ = [
    "begin_hook",
    "isolated_site",
    "restartable",
    "served_site",
    "server",
    "server_of_our_own",
    "site",
]


@pytest.fixture(autouse=True)
def restored_log() -> Iterator[None]:
    """Undo the changes that `configure_logging` makes to the process of the tests."""
    root, hooks = logging.getLogger(), get_on_retry_hooks()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    set_on_retry_hooks(hooks)
    structlog.reset_defaults()
