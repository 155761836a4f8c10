"""Types of a project, as its models may have them."""

import enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

LABELS_AS_TEXT: dict[str, Any] = {"native_enum": False, "create_constraint": True, "length": 9}


class Money(TypeDecorator[int]):
    """A type of the project that is an integer in the database."""

    impl = sa.Integer
    cache_ok = True


class Key(TypeDecorator[Any]):
    """A type of the project that depends on the dialect, as the types of many libraries do."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        """Return the type of this database."""
        return dialect.type_descriptor(sa.Uuid())


class Place(UserDefinedType[Any]):
    """A type that SQLAlchemy does not know."""

    cache_ok = True

    def __init__(self, name: str = "point") -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """Return the type in SQL."""
        return self.name


class Level(enum.Enum):
    """The labels of an enumeration."""

    LOW = "low"
    HIGH = "high"


class Flag(TypeDecorator[bool]):
    """A type of the project whose CHECK other databases need."""

    impl = sa.Boolean(create_constraint=True, name="flag")
    cache_ok = True


def shade(*names: str) -> TypeDecorator[str]:
    """Return a type of the project that is an enumeration as text."""
    impl = sa.Enum(*names, name="shade", **LABELS_AS_TEXT)
    kind: type[TypeDecorator[str]] = type(
        "Shade", (TypeDecorator,), {"impl": impl, "cache_ok": True}
    )
    return kind()
