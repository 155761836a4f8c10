"""Operations for tables that are in use: `op.create_index_concurrently(…)` and others, in a revision.

Each has the arguments and options (`schema`, `unique`, `postgresql_where`, `ondelete`, …) of
Alembic's operation with that name. None blocks a writer for longer than the lock timeout:

=======================================  ===========================================================
`create_index_concurrently`              CREATE INDEX CONCURRENTLY; one that failed is built again
`drop_index_concurrently`                DROP INDEX CONCURRENTLY
`replace_index_concurrently`             builds a new index of this name, then drops the old one
`create_foreign_key_concurrently`        ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT
`create_check_constraint_concurrently`   the same
`create_unique_constraint_concurrently`  a unique index, then ADD CONSTRAINT … USING INDEX
`set_not_null_concurrently`              SET NOT NULL, after a validated CHECK has proved it
`add_column_concurrently`                a column whose default differs from row to row
`backfill`                               values for a column, in batches; see `backfill.py`
`sql_type`                               no operation, but a type by its name; see `types.py`
=======================================  ===========================================================

They **commit**. The earlier changes of the revision are committed too, so nothing is rolled back.
Each of them leaves out the steps that are done already, so a revision that broke off can be run
again. The rest of the revision must allow that too, as `op.add_column(…, if_not_exists=True)` does.
Autogenerate writes this form.

Revisions run for years, in every test and on each new machine. So the signatures here never change.
A different operation gets another name.
"""

from .backfill import BackfillOp
from .concurrently import Concurrently, ReplaceIndex, SetNotNull
from .types import SQLType

__all__ = ["BackfillOp", "Concurrently", "ReplaceIndex", "SQLType", "SetNotNull"]
