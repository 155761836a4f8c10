"""`op.sql_type("vector(3)")` is the type with this name in SQL.

Autogenerate writes it for an enumeration, for a domain, and for each type that SQLAlchemy does not
know. So a revision imports no module of the project, and a table in it does not create such a type.
"""

from typing import Any

from alembic.operations import Operations
from sqlalchemy.types import UserDefinedType


@Operations.register_operation("sql_type")
class SQLType(UserDefinedType[Any]):
    """A type of the database that SQLAlchemy does not know."""

    cache_ok = True

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def get_col_spec(self, **_: Any) -> str:
        """Return the name of the type in SQL. SQLAlchemy calls this."""
        return self.sql

    @classmethod
    def sql_type(cls, operations: Operations, sql: str) -> "SQLType":
        """Return the type with this name.

        Args:
            sql: the name of the type, quoted if necessary, with its schema and its arguments.
        """
        return cls(sql)
