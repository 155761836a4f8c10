"""The environment in which Alembic runs. `migrations/env.py` only calls it.

=================  ===================================================================
`environment`      what an `alembic` command runs: on a connection, or as a script
`runner`           one migration at a time, and another try after a lock timeout
`phases`           which revisions a command applies: before the deploy, or after it
`operations/`      `op.create_index_concurrently`, `op.backfill`, … for revisions
`postgresql/`      what only PostgreSQL can do
`authoring/`       what `alembic revision` and `alembic check` need; not in the wheel
`gate/`            the linter of `just revisions`; not in the wheel
=================  ===================================================================
"""

from .environment import run_migrations

__all__ = ["run_migrations"]
