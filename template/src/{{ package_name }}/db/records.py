"""Rows on their way to the server: dicts or models go in, batches of values by column come out.

Only one batch is in memory at a time. What cannot be told from a first row is refused: every row of
one call has the same keys.
"""

import inspect
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, Self, TypeVar

import sqlalchemy
from sqlalchemy import Column, Dialect, Table, bindparam
from sqlalchemy.orm import DeclarativeBase

M = TypeVar("M", bound=DeclarativeBase)

Row = Mapping[str, object]
Rows = Iterable[Row | M] | AsyncIterable[Row | M]
"""Dicts by attribute name, or models that are in no session: a list, a generator, an async one."""

BATCH = 5000


class Records(Generic[M]):
    """Rows of one model with the same keys, read once.

    Iterating yields the values of a batch, column by column in the order of `columns`.

    Attributes:
        columns: what the rows fill: what they give, and what is made for each row in Python, which
            are scalar and callable defaults, a first version and the class of the row.
        count: how many rows were read until now.
        few: whether all of them are in the first batch, and not many.
        expressions: whether columns that the rows do not fill have defaults that are SQL.
        obstacle: why the rows can go only through an INSERT of SQLAlchemy's own, or None.
    """

    def __init__(
        self,
        model: type[M],
        first: list[Row],
        rest: AsyncIterator[list[Row]],
        dialect: Dialect,
        defaults: bool,
    ) -> None:
        mapper, keys = sqlalchemy.inspect(model), first[0].keys()
        if not isinstance(mapper.local_table, Table) or len(mapper.tables) > 1:
            raise TypeError(f"{model.__name__} is not mapped to one table: add its rows one by one")
        self.table = mapper.local_table
        known = {
            name: column
            for name, column in mapper.columns.items()
            if isinstance(column, Column) and column.table is self.table
        }
        if unknown := sorted(keys - known.keys()):
            raise TypeError(f"{model.__name__} has no column {', '.join(unknown)}")
        self.given: dict[Column[Any], str] = {known[name]: name for name in keys}
        self._made: dict[Column[Any], Callable[[], object]] = {}
        self.expressions, self.obstacle = False, None
        if defaults:
            self._make_defaults()
            if mapper.version_id_generator:
                self._make(mapper.version_id_col, mapper.version_id_generator(None))
            self._make(mapper.polymorphic_on, mapper.polymorphic_identity)
        self.columns = [*self.given, *self._made]
        if not self.columns:
            raise ValueError("the rows give no value")
        for column in self.columns:
            if column.type.dialect_impl(dialect).bind_expression(bindparam("value")) is not None:
                self.obstacle = f"values of {column} are written by an SQL expression"
        self.count, self.few = 0, len(first) <= 1000
        self._first, self._rest = first, rest
        self._processors = [
            column.type.dialect_impl(dialect).bind_processor(dialect) for column in self.columns
        ]

    @classmethod
    async def read(
        cls, model: type[M], rows: Rows[M], dialect: Dialect, *, defaults: bool = True
    ) -> Self | None:
        """Return the records of these rows, or None where there is not even one."""
        batches = _batches(rows)
        first = await anext(batches, None)
        return None if first is None else cls(model, first, batches, dialect, defaults)

    async def __aiter__(self) -> AsyncIterator[list[list[Any]]]:
        batch: list[Row] | None = self._first
        while batch:
            self.count += len(batch)
            values = [[row[name] for row in batch] for name in self.given.values()]
            values += [[make() for _ in batch] for make in self._made.values()]
            yield values
            batch = await anext(self._rest, None)

    def processed(self, values: Sequence[list[Any]]) -> list[Iterable[Any]]:
        """Return the values as the driver wants them: an enumeration's as text, JSON as a string."""
        return [
            map(process, column) if process else column
            for process, column in zip(self._processors, values, strict=True)
        ]

    def _make_defaults(self) -> None:
        for column in self.table.columns:
            default = column.default
            if default is None or column in self.given:
                continue
            if default.is_scalar:
                self._make(column, default.arg)
            elif not default.is_callable:  # SQL, or a sequence
                self.expressions = True
            elif _wants_context(default.arg):
                self.obstacle = f"the default of {column} wants the context of its statement"
            else:
                # SQLAlchemy has wrapped it, so that it takes a context and ignores it.
                self._made[column] = partial(default.arg, None)

    def _make(self, column: Any, value: object) -> None:
        if isinstance(column, Column) and column.table is self.table and column not in self.given:
            self._made[column] = lambda: value


def _wants_context(make: Callable[..., object]) -> bool:
    try:
        inspect.signature(make).bind()
    except TypeError:
        return True
    except ValueError:  # a builtin, which has no signature
        return False
    return False


async def _batches(rows: Rows[M]) -> AsyncIterator[list[Row]]:
    """Yield the rows in lists, models as what was set on them.

    Raises:
        ValueError: a row has other keys than the first one.
    """
    count, keys = 0, set[str]()
    async for batch in _chunks(rows):
        mappings = [_attributes(row) if isinstance(row, DeclarativeBase) else row for row in batch]
        keys = keys if count else {*mappings[0]}
        for number, row in enumerate(mappings, count + 1):
            if row.keys() != keys:
                differ = ", ".join(sorted(row.keys() ^ keys))
                raise ValueError(f"row {number} and the first one differ in their keys: {differ}")
        yield mappings
        count += len(mappings)


async def _chunks(rows: Rows[M]) -> AsyncIterator[list[Row | M]]:
    if not isinstance(rows, AsyncIterable):
        iterator = iter(rows)
        while chunk := list(itertools.islice(iterator, BATCH)):
            yield chunk
        return
    chunk = []
    async for row in rows:
        chunk.append(row)
        if len(chunk) == BATCH:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _attributes(entity: DeclarativeBase) -> Row:
    # What is mapped, relationships too: those are refused later, as no column's.
    state = sqlalchemy.inspect(entity)
    return {name: state.dict[name] for name in state.mapper.attrs.keys() & state.dict.keys()}
