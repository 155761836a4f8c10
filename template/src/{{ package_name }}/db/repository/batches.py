"""Read mappings or models in batches, and yield the values of a batch by column.

Only one batch is in memory at a time. All rows of one call have the same keys, so the first row tells
which columns are filled.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import islice, repeat, starmap
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Integer, Subquery, Table, inspect, util
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute, class_mapper

from ..dialect import dialect

M = TypeVar("M", bound=DeclarativeBase)

Values = Mapping[str, object]
"""A row that is not an entity: values by attribute name."""

Attributes = Iterable[QueryableAttribute[Any] | str]
"""Attributes of a model, such as `User.email`, or their names."""

Rows = Iterable[Values | M] | AsyncIterable[Values | M]
"""Rows as mappings or as models without a session, in a list, a generator or an async generator."""

BATCH = 10_000

FEW = 1000
"""How many rows of a call become arrays in one statement, and no temporary table."""


def one_table(model: type[DeclarativeBase]) -> Table:
    """Return the table of a model that has only one.

    Raises:
        TypeError: the model has several tables, as a class that inherits from another one can have.
            One statement would write half of a row. Or the model is mapped to a query, which no
            statement can write.
    """
    mapper = class_mapper(model)
    table, read = mapper.local_table, mapper.selectable
    # In concrete inheritance, a parent reads its own table and the tables of its subclasses by a UNION.
    if not isinstance(table, Table) or isinstance(read, Subquery) or len(mapper.tables) > 1:
        raise TypeError(f"{model.__name__} is not mapped to one table: use add, update and delete")
    return table


def columns_of(model: type[DeclarativeBase], attributes: Attributes) -> list[Column[Any]]:
    """Return the columns of a model that somebody can write, by attribute, or raise TypeError."""
    columns, composites = model.__mapper__.columns, model.__mapper__.composites
    names = list[str]()
    for each in util.to_list(attributes):
        # A parent and a subclass have the same attributes. No column has the name of anything else.
        owner = each.parent.class_ if isinstance(each, QueryableAttribute) else None
        is_own = owner and (issubclass(owner, model) or issubclass(model, owner))
        name = each.key if is_own else str(each)
        names += composites[name]._attribute_keys if name in composites else [name]
    known = {key: c for key, c in columns.items() if isinstance(c, Column) and not c.computed}
    if unknown := sorted({*names} - known.keys()):
        raise TypeError(f"{model.__name__} has no column {', '.join(unknown)}, or computes it")
    return [known[name] for name in names]


def taken_apart(model: type[DeclarativeBase], row: Values) -> Values:
    """Return a row with the attributes of each composite in its place, by private methods of SQLAlchemy.

    Raises:
        TypeError: a value is no composite, or the row gives an attribute of the composite too.
    """
    for name, mapped in class_mapper(model).composites.items():
        if name in row:
            others = {**row}
            value, keys = others.pop(name), mapped._attribute_keys
            kind: Any = mapped.composite_class  # or a function, whose values have this method
            is_one = hasattr(value, "__composite_values__")
            is_one = isinstance(value, kind) if isinstance(kind, type) else is_one
            if value is not None and not is_one:
                raise TypeError(f"{name} takes no value of type {type(value).__name__}")
            parts = repeat(None) if value is None else mapped._composite_values_from_instance(value)
            if both := sorted(others.keys() & {*keys}):
                raise TypeError(f"{name} has the value of {', '.join(both)} too: give one of them")
            row = others | dict(zip(keys, parts, strict=False))
    return row


def expressions_of(model: type[DeclarativeBase]) -> set[str]:
    """Return the attributes of a model that are SQL expressions, and no columns."""
    return {a.key for a in model.__mapper__.column_attrs if not isinstance(a.columns[0], Column)}


def next_version(model: type[DeclarativeBase]) -> dict[Any, Any]:
    """Return the new version of changed rows, by the column. Without a version, return nothing."""
    column, generate = model.__mapper__.version_id_col, model.__mapper__.version_id_generator
    if column is None or not generate:  # the server makes the version
        return {}
    return {column: column + 1 if isinstance(column.type, Integer) else generate(None)}


class Batches(Generic[M]):
    """Rows of one model with the same keys. They can be read once.

    Iterating yields the values of each batch: one list for each column, in the order of `columns`.

    Args:
        connection: the session's connection.
        model: a model with one table.
        first: the first batch of rows.
        rest: the other batches.
        defaults: whether to add default values for columns that the rows do not give.

    Attributes:
        given: the columns that the rows give, with the names of their attributes.
        columns: the columns of `given`, and the columns that Python fills for each row: scalar and
            callable defaults, the first version, and the class of the row.
        into: these columns of the table, on the connection.
        count: how many rows have been read.
        few: whether there is only one batch, and it is small.

    Raises:
        TypeError: the model has no such column, or it is not mapped to one table.
        ValueError: the rows give no value.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        model: type[M],
        first: list[Values],
        rest: AsyncIterator[list[Values]],
        defaults: bool,
    ) -> None:
        self.model, self.table = model, one_table(model)
        self.count, self.few = 0, len(first) <= FEW
        self.given = dict(zip(columns_of(model, first[0]), first[0], strict=True))
        self._made = self._defaults() if defaults else {}
        self.columns = [*self.given, *self._made]
        if not self.columns:
            raise ValueError("the rows give no value")
        self.into = dialect.Destination(connection, self.table, self.columns)
        self._first, self._rest = first, rest

    async def __aiter__(self) -> AsyncIterator[list[list[Any]]]:
        batch: list[Values] | None = self._first
        while batch:
            self.count += len(batch)
            values = [[row[name] for row in batch] for name in self.given.values()]
            yield values + [[*islice(made, len(batch))] for made in self._made.values()]
            batch = await anext(self._rest, None)

    def _defaults(self) -> dict[Column[Any], Iterator[object]]:
        """Return endless values for the columns that the rows leave out and Python fills."""
        mapper, made = self.model.__mapper__, dict[Any, Iterator[object]]()
        for column in self.table.columns:
            default: Any = column.default
            if getattr(default, "is_scalar", False):
                made[column] = repeat(default.arg)
            elif hasattr(getattr(default, "arg", None), "__wrapped__"):  # it needs no context
                made[column] = starmap(default.arg.__wrapped__, repeat(()))
        made[mapper.polymorphic_on] = repeat(mapper.polymorphic_identity)
        if mapper.version_id_generator:
            made[mapper.version_id_col] = repeat(mapper.version_id_generator(None))
        wanted = {*self.table.columns} - self.given.keys()
        return {column: values for column, values in made.items() if column in wanted}


@asynccontextmanager
async def read_batches(
    session: AsyncSession, model: type[M], rows: Rows[M], *, defaults: bool = True
) -> AsyncIterator[Batches[M] | None]:
    """Read the first batch in a savepoint. Yield the batches, or None if there are no rows.

    The savepoint begins the transaction on the server.
    """
    async with session.begin_nested():  # it flushes
        connection = await session.connection(bind_arguments={"mapper": model})
        lists = _lists(model, rows)
        first = await anext(lists, None)
        yield None if first is None else Batches(connection, model, first, lists, defaults)


async def _lists(model: type[M], rows: Rows[M]) -> AsyncIterator[list[Values]]:
    """Yield lists of rows as mappings.

    Raises:
        ValueError: a row has other keys than the first row.
        TypeError: a row is neither a mapping nor a model.
    """
    batch, keys, number, composites = list[Values](), None, 0, class_mapper(model).composites
    async for row in rows if isinstance(rows, AsyncIterable) else _each(rows):
        mapping = _attributes(row) if isinstance(row, model) else row
        if type(mapping) is not dict and not isinstance(mapping, Mapping):  # the second is slow
            raise TypeError(f"give a list or a generator of rows, as mappings or {model.__name__}")
        mapping = taken_apart(model, mapping) if composites else mapping
        keys, number = {*mapping} if keys is None else keys, number + 1
        if mapping.keys() != keys:
            differ = ", ".join(sorted(map(str, mapping.keys() ^ keys)))
            raise ValueError(f"row {number} has other keys than the first row: {differ}")
        batch.append(mapping)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _each(rows: Iterable[Values | M]) -> AsyncIterator[Values | M]:
    for row in rows:
        yield row


def _attributes(entity: DeclarativeBase) -> Values:
    # All mapped attributes; a composite has others. Relationships are refused later, since they are no
    # columns. A subclass with its own table would lose the attributes of that table.
    state = inspect(entity)
    one_table(state.mapper.class_)
    names = (state.dict.keys() & state.mapper.attrs.keys()) - {*state.mapper.composites.keys()}
    return {name: state.dict[name] for name in names}
