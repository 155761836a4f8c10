"""The parts of a migration that are special to PostgreSQL.

Other modules import this room by `dialect.py`. A room for another database would have the same
names.
"""

# The room exports what it imports.
# mypy: implicit-reexport
# ruff: noqa: F401

from .activity import find_autovacuum_delay, find_oldest_transaction, keep_details
from .advisory_lock import try_advisory_lock
from .batched_update import BatchedUpdate
from .catalogue import find_unfinished_indexes, is_described_by_models
from .online_ddl import OnlineDDL
from .session import secure_session, set_timeouts
from .table_rewrites import differs_by_row, widens

NAME = "postgresql"
"""The name of the database in Alembic and SQLAlchemy."""
