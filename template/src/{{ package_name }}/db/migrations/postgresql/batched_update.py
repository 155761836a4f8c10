"""The rows of a table whose column is NULL, in batches, in the order of the primary key.

Each batch is one statement. Because of the order, the table is read only once.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.util import CommandError


class BatchedUpdate:
    """One column of one table, and the value that it gets where it is NULL.

    Args:
        expression: SQL that may use other columns of the row. If it is NULL, the row does not
            change.
    """

    def __init__(self, place: str, schema: str | None, name: str, expression: str) -> None:
        self.place, self.schema, self.name = place, schema, name
        self._value: sa.ColumnElement[Any] = sa.literal_column(f"({expression})")

    def change_all(self) -> sa.Update:
        """Return one statement for all rows, for a script."""
        rows = sa.table(self.place, sa.column(self.name), schema=self.schema)
        return self._update(rows).where(*self._todo(rows))

    def find_key(self, connection: sa.Connection) -> list[str]:
        """Return the columns of the primary key.

        Raises:
            CommandError: the table has no primary key, so the rows have no order.
        """
        found = sa.inspect(connection).get_pk_constraint(self.place, self.schema)
        if not (key := found["constrained_columns"]):
            raise CommandError(
                f"{self.place} has no primary key, and a backfill needs one to divide the rows"
            )
        return key

    def change_next(
        self,
        connection: sa.Connection,
        key: Sequence[str],
        last: Sequence[Any],
        size: int,
        *,
        skip_locked: bool,
    ) -> Sequence[Any] | None:
        """Change the next batch.

        Args:
            connection: a connection in autocommit mode.
            key: the columns of the primary key.
            last: the key of the last row of the batch before, or an empty one for the first batch.
            size: how many rows are changed, and locked, at most.
            skip_locked: whether to leave out rows that another transaction has locked.

        Returns:
            The key of the last row and then the number of rows, or None if no row was left.
        """
        rows = sa.table(self.place, *map(sa.column, {*key, self.name}), schema=self.schema)
        keys = [rows.c[each] for each in key]
        chosen = sa.select(*keys).where(*self._todo(rows)).order_by(*keys).limit(size)
        if last:
            chosen = chosen.where(sa.tuple_(*keys) > sa.tuple_(*map(sa.literal, last)))
        locked = chosen.with_for_update(key_share=True, skip_locked=skip_locked).cte("batch")
        update = self._update(rows).where(_one_of(keys, sa.select(*locked.c)))
        done = update.returning(sa.literal(1)).cte("done")
        count = sa.select(sa.func.count()).select_from(done).scalar_subquery()
        newest = sa.select(*locked.c, count).order_by(*(each.desc() for each in locked.c)).limit(1)
        return connection.execute(newest).one_or_none()

    def estimate(self, connection: sa.Connection) -> int:
        """Return how many rows the server estimates for the table, or 0 if it does not know."""
        rows = sa.table(self.place, schema=self.schema)
        name = connection.dialect.identifier_preparer.format_table(rows)
        relations = sa.table("pg_class", sa.column("oid"), sa.column("reltuples", sa.Float))
        query = sa.select(relations.c.reltuples).where(relations.c.oid == sa.func.to_regclass(name))
        return max(int(connection.scalar(query) or 0), 0)

    def _todo(self, rows: sa.TableClause) -> tuple[sa.ColumnElement[bool], ...]:
        return rows.c[self.name].is_(None), self._value.is_not(None)

    def _update(self, rows: sa.TableClause) -> sa.Update:
        return sa.update(rows).values({self.name: self._value})


def _one_of(keys: Sequence[sa.ColumnElement[Any]], batch: Any) -> sa.ColumnElement[bool]:
    if len(keys) == 1:  # With an array the server uses the index for any number of keys.
        return keys[0] == sa.any_(sa.func.array(batch.scalar_subquery()))
    return sa.tuple_(*keys).in_(batch)
