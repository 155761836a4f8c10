"""Write revisions for changed models: the part of `alembic revision` and `alembic check`.

================  ====================================================================
`hooks`           what Alembic calls: where to look, and what to write
`plugins`         which modules compare the models with the database
`comparison`      CHECKs, predicates of indexes and defaults, in the server's words
`planner`         what a change becomes: which operation, in which phase, or a refusal
`findings`        what the planner asks about all changes together
`ordering`        the order of dropped tables
`revisions`       the planned changes as scripts, from which Alembic makes files
`rendering`       our operations as Python
================  ====================================================================

Only a developer's machine and CI need it. It is not in the wheel, and `environment.py` loads it for
those two commands only.
"""

from . import rendering  # noqa: F401  # The import registers how our operations are written.
from .hooks import options

__all__ = ["options"]
