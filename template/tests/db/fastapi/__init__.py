"""Fixtures for tests of your routes, and a test of `db/fastapi/`."""
