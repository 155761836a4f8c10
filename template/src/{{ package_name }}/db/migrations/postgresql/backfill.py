"""Values for a column where it has none, in batches that are committed one by one.

Rows are taken in the order of the primary key, so that a table of any size is read once, and nobody
waits for more than a batch. What has its value is left alone: a run that broke off goes on there.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rich.console
import rich.progress
from alembic.util import CommandError
from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    TableClause,
    Update,
    any_,
    column,
    func,
    inspect,
    literal,
    literal_column,
    select,
    table,
    tuple_,
    update,
)


class Backfill:
    """One column of one table, and what is to be in it.

    Args:
        expression: SQL that may use the other columns of the row; where it is NULL, nothing is done.
    """

    def __init__(self, place: str, schema: str | None, name: str, expression: str) -> None:
        self.place, self.schema, self.name = place, schema, name
        self._value: ColumnElement[Any] = literal_column(f"({expression})")

    def all_at_once(self) -> Update:
        """Return one statement for all rows, as a script has it."""
        rows = table(self.place, column(self.name), schema=self.schema)
        return self._update(rows).where(*self._todo(rows))

    def run(self, connection: Connection, batch: int, pause: float) -> None:
        """Do it, and show how far it is.

        Args:
            connection: commits by itself.
            batch: how many rows are changed, and locked, at a time.
            pause: seconds after each batch.
        """
        key = inspect(connection).get_pk_constraint(self.place, self.schema)["constrained_columns"]
        if not key:
            raise CommandError(f"{self.place} has no primary key, in whose order a backfill goes")
        rows = table(self.place, *map(column, {*key, self.name}), schema=self.schema)
        keys = [rows.c[each] for each in key]
        with _progress(connection, f"{self.place}.{self.name}", rows) as advance:
            # First without those that somebody else has locked, so that neither waits for the other;
            # then those, and what came meanwhile, within the lock timeout.
            for skip_locked in (True, False):
                last: Sequence[Any] = ()
                while found := self._next(connection, rows, keys, last, batch, skip_locked):
                    *last, count = found
                    advance(count)
                    time.sleep(pause)

    def _next(
        self,
        connection: Connection,
        rows: TableClause,
        keys: Sequence[ColumnElement[Any]],
        last: Sequence[Any],
        batch: int,
        skip_locked: bool,
    ) -> Sequence[Any] | None:
        """Change the next rows; return the last one's key, and how many there were."""
        chosen = select(*keys).where(*self._todo(rows)).order_by(*keys).limit(batch)
        if last:
            chosen = chosen.where(tuple_(*keys) > tuple_(*map(literal, last)))
        locked = chosen.with_for_update(key_share=True, skip_locked=skip_locked).cte("batch")
        done = self._update(rows).where(_one_of(keys, select(*locked.c))).returning(literal(1))
        count = select(func.count()).select_from(done.cte("done")).scalar_subquery()
        newest = select(*locked.c, count).order_by(*(each.desc() for each in locked.c)).limit(1)
        return connection.execute(newest).one_or_none()

    def _todo(self, rows: TableClause) -> tuple[ColumnElement[bool], ...]:
        return rows.c[self.name].is_(None), self._value.is_not(None)

    def _update(self, rows: TableClause) -> Update:
        return update(rows).values({self.name: self._value})


def _one_of(
    keys: Sequence[ColumnElement[Any]], batch: Select[*tuple[Any, ...]]
) -> ColumnElement[bool]:
    if len(keys) == 1:  # as an array, which is looked up in the index however many there are
        return keys[0] == any_(func.array(batch.scalar_subquery()))
    return tuple_(*keys).in_(batch)


@contextmanager
def _progress(
    connection: Connection, title: str, rows: TableClause
) -> Iterator[Callable[[int], None]]:
    """Show a bar, whose length is what the server takes for the number of rows."""
    name = connection.dialect.identifier_preparer.format_table(rows)
    relations = table("pg_class", column("oid"), column("reltuples", Float))
    estimate = select(relations.c.reltuples).where(relations.c.oid == func.to_regclass(name))
    estimated = connection.scalar(estimate)
    with rich.progress.Progress(console=rich.console.Console(stderr=True)) as progress:
        task = progress.add_task(title, total=max(estimated or 0, 0))
        yield lambda count: progress.advance(task, count)
        progress.update(task, total=progress.tasks[0].completed)
