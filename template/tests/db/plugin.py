"""The pytest plugin that `tests/conftest.py` names: a PostgreSQL, and fixtures on it."""

pytest_plugins = ["tests.db.postgres", "tests.db.fixtures"]
