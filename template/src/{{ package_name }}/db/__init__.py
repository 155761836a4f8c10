"""The data layer. It belongs to the template: `copier update` renews it, extend it from outside.

Import from here, from `errors` and from `mixins`; the other modules are free to move.
"""

from . import errors, mixins
from .base import NAMING_CONVENTION, TYPE_ANNOTATION_MAP, Base
from .begin import BeginHook
from .database import Database, Health
from .pool import PoolStatus
from .repository import Repository
from .settings import DatabaseSettings
from .statements import Statement, record_statements
from .unit_of_work import UnitOfWork

__all__ = [
    "NAMING_CONVENTION",
    "TYPE_ANNOTATION_MAP",
    "Base",
    "BeginHook",
    "Database",
    "DatabaseSettings",
    "Health",
    "PoolStatus",
    "Repository",
    "Statement",
    "UnitOfWork",
    "errors",
    "mixins",
    "record_statements",
]
