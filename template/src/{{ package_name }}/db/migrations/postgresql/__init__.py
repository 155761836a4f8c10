"""The parts of a migration that are special to PostgreSQL.

Other modules import this room by `dialect.py`. A room for another database would have the same
names.
"""

from .activity import find_autovacuum_delay, find_oldest_transaction
from .advisory_lock import try_advisory_lock
from .batched_update import BatchedUpdate
from .catalogue import is_described_by_models
from .online_ddl import OnlineDDL
from .table_rewrites import differs_by_row, widens
from .timeouts import set_timeouts

NAME = "postgresql"
"""The name of the database in Alembic and SQLAlchemy."""

__all__ = [
    "NAME",
    "BatchedUpdate",
    "OnlineDDL",
    "differs_by_row",
    "find_autovacuum_delay",
    "find_oldest_transaction",
    "is_described_by_models",
    "set_timeouts",
    "try_advisory_lock",
    "widens",
]
