"""Indexes of SQLite: they may have a predicate."""

from sqlalchemy import Index

NAMING_CONVENTION: dict[type, str] = {}
"""The names of constraints that only SQLite has: there are no such constraints."""


def index_options(index: Index) -> list[object]:
    """Return the predicate of an index, if it has one."""
    predicate = index.dialect_options["sqlite"]["where"]
    return [] if predicate is None else ["where", predicate]
