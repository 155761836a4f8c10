"""The data layer. It belongs to the template, and `copier update` renews it: extend it from outside.

Import from here, from `errors` and from `mixins`. Other modules may get other names.

========================================  =======================================================
To                                        read
========================================  =======================================================
reach the database                        `settings.py`, `engine/`
run a transaction                         `unit_of_work/`
read and change the rows of a model       `repository/`
page, sort, filter and search             `paging/`
share columns between models              `base.py`, `mixins/`
handle what goes wrong                    `errors.py`
tell "not given" from None                `unset.py`
change the schema                         `migrations/`
know what only the database system does   `dialect.py`, and the room that it names
========================================  =======================================================
"""

from . import errors, mixins
from .base import NAMING_CONVENTION, TYPE_ANNOTATION_MAP, Base
from .engine.pool import PoolStatus
from .engine.query_log import RecordedQuery, record_queries
from .paging.filtering import AllowedFields, search
from .paging.page import Options, OrderBy, Page, PageArguments, paginate
from .repository.hidden import SoftDeleteRepository
from .repository.read import Criterion, Reading, ReadRepository, RowLock
from .repository.write import Repository
from .settings import DatabaseSettings
from .unit_of_work.database import Database, Health, IsolationLevel
from .unit_of_work.retry import retry
from .unit_of_work.settings_at_begin import BeginHook
from .unit_of_work.unit_of_work import ReadUnitOfWork, UnitOfWork
from .unset import UNSET, Unset

__all__ = [
    "NAMING_CONVENTION",
    "TYPE_ANNOTATION_MAP",
    "UNSET",
    "AllowedFields",
    "Base",
    "BeginHook",
    "Criterion",
    "Database",
    "DatabaseSettings",
    "Health",
    "IsolationLevel",
    "Options",
    "OrderBy",
    "Page",
    "PageArguments",
    "PoolStatus",
    "ReadRepository",
    "ReadUnitOfWork",
    "Reading",
    "RecordedQuery",
    "Repository",
    "RowLock",
    "SoftDeleteRepository",
    "UnitOfWork",
    "Unset",
    "errors",
    "mixins",
    "paginate",
    "record_queries",
    "retry",
    "search",
]
