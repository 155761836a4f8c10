"""What only PostgreSQL can do for a migration.

The other modules reach this room by `dialect.py`. A room for another database would have the same
names in it.
"""

from .activity import find_autovacuum_delay, find_oldest_transaction
from .advisory_lock import try_advisory_lock
from .batches import Batches
from .catalogue import describe_table, is_described_by_models
from .online_ddl import OnlineDDL
from .table_rewrites import differs_by_row, widens
from .timeouts import set_timeouts

NAME = "postgresql"
"""What Alembic and SQLAlchemy call the database."""

__all__ = [
    "NAME",
    "Batches",
    "OnlineDDL",
    "describe_table",
    "differs_by_row",
    "find_autovacuum_delay",
    "find_oldest_transaction",
    "is_described_by_models",
    "set_timeouts",
    "try_advisory_lock",
    "widens",
]
