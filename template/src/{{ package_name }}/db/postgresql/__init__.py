"""Everything that is special to PostgreSQL and its driver asyncpg.

The rest of the layer imports it as `dialect`, see `db/dialect.py`. The functions take tables, columns
and batches of values. They never take models or settings objects.
"""

# The room exports what it imports.
# mypy: implicit-reexport
# ruff: noqa: F401

from .bulk_insert import Destination, bulk_insert
from .connect import connect_error, create_engine, ping
from .error_codes import DriverError, translate, value_error
from .indexes import NAMING_CONVENTION, index_options
from .staging import ORDINAL, staged
from .transaction import READ_ONLY, IsolationLevel, may_have_committed, set_local
from .types import BIGINT_KEY, RANDOM_UUID, SQL_DIALECT, TYPE_ANNOTATION_MAP, is_storable, make_uuid
from .upsert import conflict_arguments, insert, last_of_each
from .url import parse_url, split_url
