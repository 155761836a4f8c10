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
type of the column, and become bound parameters.

Limits: a search reads the whole table, unless each column has a trigram index (see `indexes.py` of the
dialect). For ranking or word stems use the full-text search of the database.
"""

import datetime
import operator
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, SQLColumnExpression, and_, false, or_, true
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.types import NullType

from ..errors import InvalidInput

FieldExpression = ColumnElement[Any] | QueryableAttribute[Any]

_OPERATORS = {"eq", "ne", "lt", "le", "gt", "ge"}


class AllowedFields:
    """The fields that a client may sort and filter by.

    Args:
        columns: columns, hybrid properties or other expressions, by the name that clients use.

    Raises:
        TypeError: an expression has no type.
    """

    def __init__(self, columns: Mapping[str, FieldExpression]) -> None:
        for name, column in columns.items():
            if isinstance(column.type, NullType):
                raise TypeError(f"{name}: give its type, as in func.length(title, type_=Integer)")
        self._columns = columns

    def order_by(self, names: str) -> Sequence[ColumnElement[Any]]:
        """Return the order for a text such as `"-created,title"`. A minus sorts from high to low.

        Raises:
            InvalidInput: a name is not in the list, or occurs twice.
        """
        given = [name.strip() for name in names.split(",") if name.strip()]
        order = {name.removeprefix("-"): name.startswith("-") for name in given}
        if len(order) < len(given):
            raise InvalidInput("the order names a field twice")
        return [
            self._column(name).desc() if descending else self._column(name).asc()
            for name, descending in order.items()
        ]

    def criteria(self, values: Mapping[str, object]) -> Sequence[ColumnElement[bool]]:
        """Return one criterion for each entry. A row must meet all of them.

        Args:
            values: values by `name` or `name.operator`. The operators are `eq` (the default), `ne`,
                `lt`, `le`, `gt` and `ge`. `in` takes a sequence, or text with commas. An empty one
                matches no row. `null` takes true or false. Text is converted to the type of the
                field, since a query string has only text.

        Raises:
            InvalidInput: a name is not in the list, the operator is unknown, or the value does not
                fit the type of the column.
        """
        return [self._criterion(*name.partition("."), value) for name, value in values.items()]

    def _criterion(self, name: str, _: str, verb: str, value: object) -> ColumnElement[bool]:
        column = self._column(name)
        if verb == "null":
            is_null: bool = _convert(name, bool, value)
            return column.is_(None) if is_null else column.is_not(None)
        kind: Any = column.type.python_type
        if kind is datetime.datetime:
            kind = AwareDatetime
        if verb == "in":
            items = [item for item in value.split(",") if item] if isinstance(value, str) else value
            return column.in_(_convert(name, list[kind], items))
        if (verb or "eq") not in _OPERATORS:
            raise InvalidInput(f"{name}: there is no such operator")
        compare: ColumnElement[bool] = getattr(operator, verb or "eq")(
            column, _convert(name, kind, value)
        )
        return compare

    def _column(self, name: str) -> FieldExpression:
        if name not in self._columns:
            raise InvalidInput(f"only these fields are allowed: {', '.join(self._columns)}")
        return self._columns[name]


def search(text: str, *columns: SQLColumnExpression[str | None]) -> ColumnElement[bool]:
    """Return a criterion: each word of the text occurs in one of the columns, in upper or lower case.

    `%` and `_` are ordinary characters. Without a word every row matches. Without a column no row
    does.
    """
    return and_(
        true(),
        *(
            or_(false(), *(column.icontains(word, autoescape=True) for column in columns))
            for word in text.split()
        ),
    )


_adapter = cache(TypeAdapter[Any])  # creating one takes much longer than using it


def _convert(name: str, kind: Any, value: object) -> Any:
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError:
        raise InvalidInput(f"{name}: the value does not fit the type of the field") from None
