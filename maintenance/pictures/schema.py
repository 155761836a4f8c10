"""The tables of the example, from the metadata of its models."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from . import svg

WIDTH, LINE, GAP = 300, 20, 70

DESCRIBE = """
import json
from sqlalchemy.dialects import postgresql
from shop.models import Base

print(json.dumps({
    table.name: [
        [
            column.name,
            column.type.compile(postgresql.dialect()).lower(),
            column.primary_key,
            column.nullable,
            [key.column.table.name for key in column.foreign_keys],
        ]
        for column in table.columns
    ]
    for table in Base.metadata.sorted_tables
}))
"""


class Column(NamedTuple):
    """A column, and the names of the tables to which it refers."""

    name: str
    type: str
    primary_key: bool
    nullable: bool
    targets: list[str]


Tables = dict[str, list[Column]]


def describe(project: Path) -> Tables:
    """Return the tables of a rendered project, in an order in which they can be created."""
    command = ["uv", "run", "--quiet", "python", "-c", DESCRIBE]
    done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return {name: [Column(*column) for column in columns] for name, columns in found.items()}


def draw(tables: Tables) -> str:
    """Return the picture. A table is to the right of the tables to which it refers."""
    places = arrange(tables)
    parts = [*arrows(tables, places)]
    for name, columns in tables.items():
        parts += table(*places[name], name, columns)
    width = max(x for x, _ in places.values()) + WIDTH + 20
    height = max(places[name][1] + size(columns) for name, columns in tables.items()) + 20
    return svg.document(width, height, "The tables of the example", parts)


def size(columns: list[Column]) -> int:
    return (len(columns) + 1) * LINE + 16


def arrange(tables: Tables) -> dict[str, tuple[int, int]]:
    """Return the left upper corner of each table."""
    depths: dict[str, int] = {}
    bottoms: dict[int, int] = {}
    places = {}
    for name, columns in tables.items():
        targets = {target for column in columns for target in column.targets} - {name}
        depth = depths[name] = max((depths[target] + 1 for target in targets), default=0)
        y = bottoms.get(depth, 20)
        places[name] = (20 + depth * (WIDTH + GAP), y)
        bottoms[depth] = y + size(columns) + 24
    return places


def table(x: int, y: int, name: str, columns: list[Column]) -> Iterator[str]:
    yield svg.box(x, y, WIDTH, size(columns), svg.GREEN)
    yield svg.text(x + 10, y + 20, name, "title")
    for number, column in enumerate(columns, start=2):
        label = f"{column.name}{' (key)' if column.primary_key else ''}"
        name = column.type.replace("timestamp with time zone", "timestamptz")
        kind = f"{name}{', null' if column.nullable else ''}"
        yield svg.text(x + 10, y + number * LINE, label)
        yield svg.text(x + WIDTH - 10, y + number * LINE, kind, "small", anchor="end")


def arrows(tables: Tables, places: dict[str, tuple[int, int]]) -> Iterator[str]:
    """Yield an arrow from each foreign key to the name of its target."""
    for name, columns in tables.items():
        x, y = places[name]
        for number, column in enumerate(columns, start=2):
            for target in column.targets:
                left, top = places[target]
                start, end = y + number * LINE - 4, top + 15
                turn = x - 12 - 6 * (number % 6)
                # A line to a table that is further away goes above those between.
                over = f"V9H{left + WIDTH + 14}" if x - left > WIDTH + GAP else ""
                yield svg.arrow(f"M{x} {start}H{turn}{over}V{end}H{left + WIDTH}")
