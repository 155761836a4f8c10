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

===========================  ===============================================================
Operator                     The value of the field
===========================  ===============================================================
`eq`, `ne`                   is the given one, or is another one; `eq` is the default
`lt`, `le`, `gt`, `ge`       is less, greater, or the same
`in`, `not_in`               is one of a list, a tuple, a set, or text with commas, or is not;
                             an empty list has no value
`between`, `not_between`     is between two values, given as for `in` but not as a set, or is one of
                             them
`startswith`                 begins with this text; `%` and `_` are ordinary characters. The
`not_startswith`             field has text, and no type decorator
`null`                       is missing, for true; is not missing, for false
===========================  ===============================================================

Only `null` finds rows without a value. A row must meet all criteria. For alternatives, write
`or_(*POSTS.criteria(…))`.

The text of a client never becomes SQL. Names are looked up in the list. Values are converted to the
type of the column, and become bound parameters. A client cannot make the SQL long either: see the
limits of each function.

Limits: a search reads the whole table, unless each column has a trigram index (see `indexes.py` of the
dialect). For ranking or word stems use the full-text search of the database.
"""

import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import QueryableAttribute

from ..dialect import dialect
from ..errors import InvalidInput
from .values import annotation, padded, stored_type

FieldExpression = sa.ColumnElement[Any] | QueryableAttribute[Any]

_NEGATABLE = ("in", "between", "startswith")
_OPERATORS = {"eq", "ne", "lt", "le", "gt", "ge", "null"}
_OPERATORS |= {*_NEGATABLE, *(f"not_{each}" for each in _NEGATABLE)}
_BOOLEAN = TypeAdapter(bool)
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
        self._fields: dict[str, _Field] = {}
        for name, column in columns.items():
            _, dot, last = name.rpartition(".")
            if not _NAME.fullmatch(name) or (dot and last in _OPERATORS):
                raise TypeError(f"{name!r} is not usable: write words with - or dots between them")
            try:
                self._fields[name] = _Field(column)
            except (TypeError, RuntimeError, AttributeError) as error:  # also of pydantic
                raise TypeError(f"{name}: {error}") from error

    def order_by(self, names: str) -> Sequence[sa.ColumnElement[Any]]:
        """Return the order for a text such as `"-created,title"`. A minus sorts from high to low.

        Raises:
            InvalidInput: a name is not in the list, or occurs twice, or there are more than 4 names.
        """
        given = [name.strip() for name in names.split(",") if name.strip()]
        order = {name.removeprefix("-"): name.startswith("-") for name in given}
        if len(order) < len(given) or len(order) > 4:
            raise InvalidInput("an order has at most 4 fields, and each of them once")
        columns = [(self._field(name).column, descending) for name, descending in order.items()]
        return [column.desc() if descending else column.asc() for column, descending in columns]

    def criteria(self, values: Mapping[str, object]) -> Sequence[sa.ColumnElement[bool]]:
        """Return one criterion for each entry. A row must meet all of them.

        Args:
            values: values by `name` or `name.operator`, see the table in the docstring of this file.
                Text is converted to the type of the field, since a query string has only text.

        Raises:
            InvalidInput: a name is not in the list, the operator is unknown, the value does not fit
                the type of the column, or `in` has more than 128 values.
        """
        return [self._criterion(key, value) for key, value in values.items()]

    def _criterion(self, key: str, value: object) -> sa.ColumnElement[bool]:
        name, _, verb = (key, "", "eq") if key in self._fields else key.rpartition(".")
        field = self._field(name)
        if verb not in _OPERATORS:
            raise InvalidInput(f"{name}: there is no such operator")
        try:
            return field.criterion(verb, value)
        except (ValueError, TypeError, LookupError, ArithmeticError):
            raise InvalidInput(f"{name}: the value does not fit the type of the field") from None

    def _field(self, name: str) -> "_Field":
        if name not in self._fields:
            raise InvalidInput(f"only these fields are allowed: {', '.join(self._fields)}")
        return self._fields[name]


def search(text: str, *columns: sa.SQLColumnExpression[str | None]) -> sa.ColumnElement[bool]:
    """Return a criterion: each word of the text occurs in one of the columns, in upper or lower case.

    `%` and `_` are ordinary characters. Without a word every row matches. Without a column no row
    does.

    Raises:
        InvalidInput: the text has more than 16 words or 500 characters, or a zero character.
    """
    words = text[:501].split()
    if len(text) > 500 or len(words) > 16 or not dialect.is_storable(text):
        raise InvalidInput("a search has at most 16 words and 500 characters, none of them zero")
    found = [[column.icontains(word, autoescape=True) for column in columns] for word in words]
    return sa.and_(sa.true(), *(sa.or_(sa.false(), *each) for each in found))


class _Field:
    """A column, and the way from what a client gives to a parameter of the stored type."""

    def __init__(self, column: FieldExpression) -> None:
        self.column = column
        self._kind = column.type.dialect_impl(dialect.SQL_DIALECT)
        self._stored = stored_type(self._kind)
        stored = annotation(self._stored)
        # The driver converts the values of all other types.
        converts = isinstance(self._kind, sa.Enum | sa.TypeDecorator)
        accepted = self._kind.python_type if converts else stored
        if accepted is object:
            raise TypeError(f"give {type(self._kind).__name__} the property `python_type`")
        self._accepted, self._storable = TypeAdapter[Any](accepted), TypeAdapter[Any](stored)
        self._process = self._kind.bind_processor(dialect.SQL_DIALECT) if converts else None

    def criterion(self, verb: str, value: object) -> sa.ColumnElement[bool]:
        """Return the criterion of an operator and a value.

        Raises:
            InvalidInput: a list is too long.
            ValueError: the value does not fit the type.
        """
        if verb.startswith("not_"):
            return sa.not_(self.criterion(verb.removeprefix("not_"), value))
        if verb == "null":
            null = _BOOLEAN.validate_python(value)
            return self.column.is_(None) if null else self.column.is_not(None)
        # Without the limits of the column's type, and with the operators of the stored type.
        compared = sa.type_coerce(self.column, self._stored)
        match verb:
            case "in":
                return compared.in_(self._parameters(value))
            case "between":
                low, high = self._parameters([] if isinstance(value, set | frozenset) else value)
                return sa.and_(compared >= low, compared <= high)  # BETWEEN takes no COLLATE
            case "startswith":
                if not isinstance(self._kind, sa.String) or isinstance(self._kind, sa.Enum):
                    raise ValueError
                prefix = self._storable.validate_python(value)
                return sa.type_coerce(self.column, sa.String()).startswith(prefix, autoescape=True)
        return compared.operate(getattr(operator, verb), self._parameter(value))

    def _parameters(self, value: object) -> list[sa.ColumnElement[Any]]:
        items = [item for item in value.split(",") if item] if isinstance(value, str) else value
        if not isinstance(items, list | tuple | set | frozenset) or len(items) > 128:
            raise InvalidInput("the operator takes a list of at most 128 values")
        return [self._parameter(each) for each in padded([*items])]

    def _parameter(self, value: object) -> sa.ColumnElement[Any]:
        value = self._accepted.validate_python(value)
        value = self._process(value) if self._process else value
        stored = sa.literal(self._storable.validate_python(value), self._stored)
        expression: sa.ColumnElement[Any] | None = self._kind.bind_expression(stored)
        return stored if expression is None else expression
