"""Writes revisions from what changed in the models, for `alembic revision` and `alembic check`."""
