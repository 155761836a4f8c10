"""The data layer. It belongs to the template: `copier update` renews it, extend it from outside.

Import from here, from `errors` and from `mixins`; the other modules are free to move.
"""

from . import errors, mixins
from .base import NAMING_CONVENTION, TYPE_ANNOTATION_MAP, Base
from .begin import BeginHook
from .database import Database, Health, Isolation
from .filtering import Fields, search
from .pagination import Page, paginate
from .pool import PoolStatus
from .read_repository import ReadRepository, RowLock
from .repository import Repository
from .settings import DatabaseSettings
from .soft_delete import SoftDeletes
from .statements import Statement, record_statements
from .unit_of_work import UnitOfWork
from .unset import UNSET, Unset

__all__ = [
    "NAMING_CONVENTION",
    "TYPE_ANNOTATION_MAP",
    "UNSET",
    "Base",
    "BeginHook",
    "Database",
    "DatabaseSettings",
    "Fields",
    "Health",
    "Isolation",
    "Page",
    "PoolStatus",
    "ReadRepository",
    "Repository",
    "RowLock",
    "SoftDeletes",
    "Statement",
    "UnitOfWork",
    "Unset",
    "errors",
    "mixins",
    "paginate",
    "record_statements",
    "search",
]
