"""Fixtures of this project's own; those of the data layer come from tests/db/."""

pytest_plugins = ["tests.db.plugin"]
