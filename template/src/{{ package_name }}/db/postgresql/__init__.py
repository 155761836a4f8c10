"""Everything that is special to PostgreSQL and its driver asyncpg.

The rest of the layer imports it as `dialect`, see `db/dialect.py`. The functions take tables, columns
and batches of values. They never take models or settings objects.
"""

from .connect import connect_error, engine_arguments, ping
from .copy import can_copy, copy_batches
from .sqlstates import translate
from .staging import ORDINAL, staged
from .transaction import READ_ONLY, set_local
from .types import JSON_TYPE, NAMING_CONVENTION, RANDOM_UUID, index_options, is_storable
from .upsert import upsert_statement
from .url import DRIVER, parse_url, split_url

__all__ = [
    "DRIVER",
    "JSON_TYPE",
    "NAMING_CONVENTION",
    "ORDINAL",
    "RANDOM_UUID",
    "READ_ONLY",
    "can_copy",
    "connect_error",
    "copy_batches",
    "engine_arguments",
    "index_options",
    "is_storable",
    "parse_url",
    "ping",
    "set_local",
    "split_url",
    "staged",
    "translate",
    "upsert_statement",
]
