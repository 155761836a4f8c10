"""Operations for tables that are in use: `op.create_index_concurrently(…)` and others, in a revision.

Each has the arguments of Alembic's operation of that name, its options included (`schema`, `unique`,
`postgresql_where`, `ondelete`, …). None holds up a writer for longer than the lock timeout:

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
=======================================  ===========================================================

They **commit**. What a revision did before one of them is committed too, and nothing is rolled back.
So each of them leaves out what is done already, and a revision that broke off can be run again. The
rest of the revision must allow that too, as `op.add_column(…, if_not_exists=True)` does.
Autogenerate writes it so.

Revisions run for years, in every test and on each new machine. So the signatures here never change.
An operation that has to be different gets another name.
"""

from .backfill import BackfillOp
from .concurrently import Concurrently, ReplaceIndex, SetNotNull

__all__ = ["BackfillOp", "Concurrently", "ReplaceIndex", "SetNotNull"]
