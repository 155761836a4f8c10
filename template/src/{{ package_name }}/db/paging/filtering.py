"""Sorting, filtering and searching for a client, by a list of allowed fields.

The program says which columns clients may use, and by which names::

    POSTS = AllowedFields(
        {"title": Post.title, "created": Post.created_at, "author": Post.author_id}
    )

    await uow.posts.all(
        *POSTS.criteria({"author": "0192…", "created.ge": "2026-01-01T00:00Z"}),
        search("lovelace engine", Post.title, Post.body),
        order_by=POSTS.order_by("-created,title"),
    )

The text of a client never becomes SQL. Names are looked up in the list. Values are converted to the
type of the column, and become bound parameters. A client cannot make the SQL long either: see the
limits of each function.

Limits: a search reads the whole table, unless each column has a trigram index (see `indexes.py` of the
dialect). For ranking or word stems use the full-text search of the database.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, SQLColumnExpression
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.types import TypeEngine

from ..dialect import dialect
from ..errors import InvalidInput
from .values import annotation, padded, stored_type

FieldExpression = ColumnElement[Any] | QueryableAttribute[Any]

_OPERATORS = {"eq", "ne", "lt", "le", "gt", "ge", "in", "null"}
_NAME = re.compile(r"\w+([.-]\w+)*")


class AllowedFields:
    """The fields that a client may sort and filter by.

    Args:
        columns: columns, hybrid properties or other expressions, by the name that clients use. A
            name may have dots, as in `author.name`.

    Raises:
        TypeError: a name is not usable, or a type has no values that a client can give: JSON,
            arrays, ranges, intervals, network addresses. Write `cast(…)`, or take a part of the
            JSON. A type that the project decorates needs the property `python_type`.
    """

    def __init__(self, columns: Mapping[str, FieldExpression]) -> None:
        for name, column in columns.items():
            _, dot, last = name.rpartition(".")
            if not _NAME.fullmatch(name) or (dot and last in _OPERATORS):
                raise TypeError(f"{name!r} is not usable: write words with - or dots between them")
            try:
                _adapter(_accepted(_implementation(column)))
            except (TypeError, RuntimeError) as error:  # pydantic does not know the type
                raise TypeError(f"{name}: {error}") from error
        self._columns = columns

    def order_by(self, names: str) -> Sequence[ColumnElement[Any]]:
        """Return the order for a text such as `"-created,title"`. A minus sorts from high to low.

        Raises:
            InvalidInput: a name is not in the list, or occurs twice, or there are more than 4 names.
        """
        given = [name.strip() for name in names.split(",") if name.strip()]
        order = {name.removeprefix("-"): name.startswith("-") for name in given}
        if len(order) < len(given) or len(order) > 4:
            raise InvalidInput("an order has at most 4 fields, and each of them once")
        return [
            self._column(name).desc() if descending else self._column(name).asc()
            for name, descending in order.items()
        ]

    def criteria(self, values: Mapping[str, object]) -> Sequence[ColumnElement[bool]]:
        """Return one criterion for each entry. A row must meet all of them.

        Args:
            values: values by `name` or `name.operator`. The operators are `eq` (the default), `ne`,
                `lt`, `le`, `gt` and `ge`. `in` takes a list, a tuple, a set, or text with commas. An
                empty one matches no row. `null` takes true or false. Text is converted to the type
                of the field, since a query string has only text.

        Raises:
            InvalidInput: a name is not in the list, the operator is unknown, the value does not fit
                the type of the column, or `in` has more than 128 values.
        """
        return [self._criterion(key, value) for key, value in values.items()]

    def _criterion(self, key: str, value: object) -> ColumnElement[bool]:
        name, _, verb = (key, "", "eq") if key in self._columns else key.rpartition(".")
        column = self._column(name)
        if verb not in _OPERATORS:
            raise InvalidInput(f"{name}: there is no such operator")
        if verb == "null":
            return column.is_(None) if _convert(name, sa.Boolean(), value) else column.is_not(None)
        kind = _implementation(column)
        # Without the limits of the column's type, and with the operators of the stored type.
        compared: ColumnElement[Any] = sa.type_coerce(column, stored_type(kind))
        if verb == "in":
            items = [item for item in value.split(",") if item] if isinstance(value, str) else value
            if not isinstance(items, list | tuple | set | frozenset) or len(items) > 128:
                raise InvalidInput(f"{name}: `in` takes a list of at most 128 values")
            return compared.in_([_parameter(name, kind, each) for each in padded([*items])])
        compare: Callable[..., ColumnElement[bool]] = getattr(operator, verb)
        return compare(compared, _parameter(name, kind, value))

    def _column(self, name: str) -> FieldExpression:
        if name not in self._columns:
            raise InvalidInput(f"only these fields are allowed: {', '.join(self._columns)}")
        return self._columns[name]


def search(text: str, *columns: SQLColumnExpression[str | None]) -> ColumnElement[bool]:
    """Return a criterion: each word of the text occurs in one of the columns, in upper or lower case.

    `%` and `_` are ordinary characters. Without a word every row matches. Without a column no row
    does.

    Raises:
        InvalidInput: the text has more than 16 words or 500 characters, or a zero character.
    """
    words = _convert("search", sa.Text(), text[:501]).split()
    if len(text) > 500 or len(words) > 16:
        raise InvalidInput("a search has at most 16 words and 500 characters")
    found = [[column.icontains(word, autoescape=True) for column in columns] for word in words]
    return sa.and_(sa.true(), *(sa.or_(sa.false(), *each) for each in found))


_PROCESSED = (sa.Enum, sa.TypeDecorator)  # what SQLAlchemy converts before the driver does
_adapter = cache(TypeAdapter[Any])  # creating one takes much longer than using it


def _implementation(column: FieldExpression) -> TypeEngine[Any]:
    kind: TypeEngine[Any] = column.type.dialect_impl(dialect.SQL_DIALECT)
    return kind


def _accepted(kind: TypeEngine[Any]) -> Any:
    """Return the annotation of what a client may give: a member by its value, a date, …"""
    accepted = annotation(stored_type(kind))
    if isinstance(kind, _PROCESSED):
        accepted = kind.python_type
    if accepted is object:
        raise TypeError(f"give {type(kind).__name__} the property `python_type`")
    return accepted


def _parameter(name: str, kind: TypeEngine[Any], value: object) -> ColumnElement[Any]:
    stored = sa.literal(_convert(name, kind, value), stored_type(kind))
    expression: ColumnElement[Any] | None = kind.bind_expression(stored)
    return stored if expression is None else expression


def _convert(name: str, kind: TypeEngine[Any], value: object) -> Any:
    """Return the value that the database stores."""
    process = kind.bind_processor(dialect.SQL_DIALECT)
    try:
        value = _adapter(_accepted(kind)).validate_python(value)
        if process and isinstance(kind, _PROCESSED):
            value = process(value)
        return _adapter(annotation(stored_type(kind))).validate_python(value)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        raise InvalidInput(f"{name}: the value does not fit the type of the field") from None
