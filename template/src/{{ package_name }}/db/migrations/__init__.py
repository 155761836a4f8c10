"""The environment in which Alembic runs; `migrations/env.py` is one call of it."""

from .environment import run_migrations

__all__ = ["run_migrations"]
