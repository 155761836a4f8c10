"""The types that columns have in the database."""

import sys
from typing import Any

import sqlalchemy
from sqlalchemy import Dialect
from sqlalchemy.types import TypeDecorator


def in_database(kind: Any, dialect: Dialect) -> Any:
    """Return the type in the database for a type of the project."""
    kind = kind._variant_mapping.get(dialect.name, kind)
    if isinstance(kind, TypeDecorator) and not _is_sqlalchemys(kind, dialect):
        return in_database(kind.type_engine(dialect), dialect)
    if getattr(kind, "create_constraint", False):  # Its CHECK is a constraint of the table.
        kind = kind.copy()
        kind.create_constraint = False
    return kind


def named_type(kind: Any, dialect: Dialect) -> Any:
    """Return the native enumeration or the domain of a type. Return None for other types."""
    kind = in_database(kind, dialect)
    native = in_database(getattr(kind, "item_type", kind), dialect).dialect_impl(dialect)
    is_named = hasattr(native, "create_type") and getattr(native, "native_enum", True)
    return native if is_named else None


def is_python(kind: Any, dialect: Dialect) -> bool:
    """Return whether a revision can write a type in Python: it and its item type are SQLAlchemy's."""
    return named_type(kind, dialect) is None and all(
        _is_sqlalchemys(each, dialect) and in_database(each, dialect) is each
        for each in (kind, getattr(kind, "item_type", kind))
    )


def _is_sqlalchemys(kind: Any, dialect: Dialect) -> bool:
    modules = (sqlalchemy, sys.modules[f"sqlalchemy.dialects.{dialect.name}"])
    return any(getattr(each, type(kind).__name__, None) is type(kind) for each in modules)
