"""Write revisions for changed models: the part of `alembic revision` and `alembic check`.

================  ====================================================================
`hooks`           what Alembic calls: where to look, and what to write
`plugins`         which modules compare the models with the database
`comparison`      types, defaults, constraints and indexes, in the server's words
`definitions`     the server's words for a table
`prerequisites`   schemas, enumerations, domains and sequences that tables need
`statements`      SQL that is written, or that a person must write; what is not compared
`planner`         what a change becomes: which operation, in which phase, or a refusal
`constraints`     the phases of constraints and indexes
`replacements`    which new constraint replaces which old one
`trial`           the order of the changes, which PostgreSQL decides
`revisions`       the planned changes as scripts, from which Alembic makes files
`rendering`       operations and types as Python
`types`           the types in the database
================  ====================================================================

Only a developer's machine and CI need it. It is not in the wheel, and `environment.py` loads it for
those two commands only.
"""

from . import rendering  # noqa: F401  # The import registers how our operations are written.
from .hooks import options

__all__ = ["options"]
