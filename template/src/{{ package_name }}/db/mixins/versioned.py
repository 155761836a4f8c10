"""Optimistic locking: a row counts its changes, and a write with an old count is refused.

Two people open the same form, and both save it. Without this mixin the second one undoes the changes
of the first. With it, the second one gets `StaleData`, and nothing is written. It costs no lock and
no query.

It is not needed where a row is read with `with_for_update=True` and written in the same transaction.

A write by                                        the expected version is   the version is
================================================  ========================  ========================
an entity: `add`, `update`, `delete`, a flush     checked                   increased
`execute(update(Model), rows)`, rows by key       checked; each row must    increased
                                                  give it, else `KeyError`
`update(Model).where(…)`, also Core's on the      yours to check:           increased
table                                             `.where(version == …)`
a repository's `update_rows`                      checked                   increased
a repository's `upsert`, `upsert_rows`            not checked               increased
an ON CONFLICT of your own                        yours to check            yours to set
raw SQL, COPY                                     not checked               yours to set

After an `update()` the entities in the session have no version until they are refreshed. A flush of
such an entity reads the version again, so it does not notice that change.
"""

from typing import Any

from sqlalchemy import Table, event, text
from sqlalchemy.orm import Mapped, Mapper, mapped_column
from sqlalchemy.sql.schema import ColumnElementColumnDefault


class Versioned:
    """`version`, 1 at first. Send it to the client, and compare it before you change the row."""

    version: Mapped[int] = mapped_column(server_default=text("1"), sort_order=1)


@event.listens_for(Versioned, "instrument_class", propagate=True)
def _count_changes(mapper: Mapper[Any], _: type[Versioned]) -> None:
    # Not by __mapper_args__: a model with its own would lose the check, and nobody would notice it.
    if mapper.version_id_col is None:  # otherwise it has its parent's
        assert isinstance(mapper.local_table, Table)
        column = mapper.local_table.c.version
        mapper.version_id_col = column
        # Named with its table, so that UPDATE … FROM another versioned table is not ambiguous.
        column.onupdate = ColumnElementColumnDefault(column + 1, for_update=True)
