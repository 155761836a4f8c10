"""The tests work for an organisation."""

from tests.organisation import (
    database_of_organisation,
    isolated_of_organisation,
    organisation,
    uow_of_organisation,
)

__all__ = [
    "database_of_organisation",
    "isolated_of_organisation",
    "organisation",
    "uow_of_organisation",
]
