"""The pytest plugin that `tests/conftest.py` names. It starts a PostgreSQL and has the fixtures."""

pytest_plugins = ["tests.db.postgres", "tests.db.fixtures"]
