"""Judge whether new revisions can be deployed: `just revisions`, a part of `just check`.

It judges only revisions that the main branch does not have, each separately. `squawk.py` judges the
SQL, by `rules.toml`. `source.py` judges the Python. The rules are those of squawk, and these:

============================  ========================================================================
`unknown-phase`               it is neither `expand` nor `contract`
`too-early`                   SET NOT NULL in `expand`, while code runs that may write NULL
`no-downgrade`                it has none, and no `irreversible = "why"`
`not-repeatable`              it cannot be run again, though one of its operations commits
`data-change`                 rows are changed all at once, and not by `op.backfill()`
`row-security-dropped`        everybody sees all rows
`table-locked`                nobody can use a table for as long as a statement lasts
`interrupted-index`           a lock timeout may stop its concurrent build, and leave it INVALID
`opaque-block`                DO, CALL, or SELECT of a function that the revision itself creates
`application-import`          it imports code that will change
`async-code`                  it awaits, and Alembic does not
`applied-revision-changed`    one of the main branch does something else, or is gone
`not-sql`                     it asks the database what to do, so nobody can tell what that is
============================  ========================================================================

A revision that must break a rule gives the reason::

    ignore = {"data-change": "a table of ten rows"}

If a revision was removed, any other revision may give the reason. Downgrades are not judged, since
no deploy runs them. The SQL of the first revision needs only be correct, since no table is in use
before it. Comments do not matter: the SQL is judged without them.

Only a developer's machine and CI need it: it is not in the wheel.
"""

from .linter import lint, main
from .source import Finding

__all__ = ["Finding", "lint", "main"]
