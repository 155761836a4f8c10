"""A begin hook that tells the server which actor a unit of work has."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from sqlalchemy.orm import Session

from shop.db import DatabaseSettings
from shop.unit_of_work import Database, ReadUnitOfWork, UnitOfWork


@dataclass(frozen=True)
class Actor:
    """The person for whom the program works."""

    name: str


def actor_hook(session: Session) -> Mapping[str, str]:
    actor = session.info.get(Actor)
    return {"app.actor": actor.name if actor else ""}


@pytest.fixture
def begin_hook(shared_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the hook to the project's database, as an edit of `unit_of_work.py` would do.

    `shared_database` is made before, without the hook, because other tests use it too.
    """

    def initialize(self: Database, settings: DatabaseSettings) -> None:
        hooks = (actor_hook,)
        super(Database, self).__init__(settings, UnitOfWork, ReadUnitOfWork, begin_hooks=hooks)

    monkeypatch.setattr(Database, "__init__", initialize)
