"""A small room for SQLite. It shows the parts that another database system needs.

It is no product: it has only the parts that `layer_on_sqlite.py` tests, and no migrations. It imports
the layer by its full name. It is here for readers and type checkers, and runs in `db/sqlite/` of a copy
of the project.
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
