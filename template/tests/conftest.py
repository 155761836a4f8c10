"""Your fixtures. The fixtures of the data layer are in tests/db/."""

pytest_plugins = ["tests.db.plugin"]
