"""Kinds of parts that the server describes in other words than a model, or fills itself."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa


def computed(number: int, *forms: str | None, stored: bool = True) -> Sequence[Any]:
    """Return a column that the server computes, or that it does not compute in this form."""
    sql = forms[number - 1]
    more = [sa.Computed(sql, persisted=stored)] if sql else []
    return [sa.Column("thing", sa.Integer, *more)]


SERVER_WORDS: dict[str, Callable[[int], Sequence[Any]]] = {
    "an identity that begins again": lambda number: [
        sa.Column("thing", sa.Integer, sa.Identity(maxvalue=99, cycle=number == 2))
    ],
    "an identity at an old column": lambda number: [
        sa.Column("size", sa.Integer, *([sa.Identity()] if number == 1 else []))
    ],
    "a virtual value": lambda number: computed(number, "id + 1", "id + 2", stored=False),
    "a value that comes to be stored": lambda number: computed(number, None, "id + 1"),
    "a value that is stored no longer": lambda number: computed(number, "id + 1", None),
    "a default of a wider type": lambda number: [
        sa.Column("thing", [sa.String(5), sa.Text()][number - 1], server_default="a")
    ],
    "an index whose expression the server writes in another way": lambda number: [
        sa.Index("i", sa.column("email") + ":y")
        if number == 1
        else sa.Index("i", sa.column("email").collate("C"), sa.column("email") != "b")
    ],
}
"""The kinds by their names."""
