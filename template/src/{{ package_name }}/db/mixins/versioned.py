"""Optimistic locking: a row counts its changes, and a write with an old count is refused.

Two people open the same form, and both save it. Without this mixin the second one undoes the changes
of the first. With it, the second one gets `StaleData`, and nothing is written. It costs no lock and
no query.

It is not needed if the same transaction reads the row with `with_for_update=True` and writes it.

A write by                                        the expected version is   the version is
================================================  ========================  ========================
an entity: `add`, `update`, `delete`, a flush     checked                   increased
`execute(update(Model), rows)`, rows by key       checked; each row must    increased
                                                  give it, else `KeyError`
`update(Model).where(…)`, also on the table       not checked: write        increased
                                                  `.where(version == …)`
a repository's `update_rows`                      checked                   increased
a repository's `update_where`                     not checked: write        increased
                                                  `version == …` too
a repository's `upsert`, `upsert_rows`            not checked               increased
your own ON CONFLICT                              not checked               not increased
raw SQL, COPY                                     not checked               not increased

After an `update()` the entities in the session have no version until they are refreshed. A flush of
such an entity reads the version again, so it does not notice that change.
"""

from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Mapped, Mapper, mapped_column
from sqlalchemy.sql.schema import ColumnElementColumnDefault

from .inheritance import FollowsRows


class Versioned(FollowsRows):
    """`version`: 1 in a new row. Send it to the client, and compare it before you change the row."""

    version: Mapped[int] = mapped_column(server_default=text("1"), sort_order=1)


@event.listens_for(Versioned, "instrument_class", propagate=True)
def _count_changes(mapper: Mapper[Any], _: type[Versioned]) -> None:
    # This does not use __mapper_args__, because a model with its own would lose the check without
    # an error.
    if mapper.version_id_col is None:  # otherwise it has the version of its parent
        column: Any = mapper.local_table.c.version
        mapper.version_id_col = column
        # The name includes the table, so that UPDATE … FROM another versioned table is not
        # ambiguous.
        column.onupdate = ColumnElementColumnDefault(column + 1, for_update=True)
