"""The rooms of a project, and the direction of their imports: the layers of import-linter."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from . import svg

WIDTH, ROW, GAP = 330, 34, 14
TOP = 60


def draw(project: Path) -> str:
    """Return the picture of the first two contracts of a rendered project."""
    contracts = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["importlinter"]
    whole, rooms = contracts["contracts"][:2]
    height = TOP + max(len(whole["layers"]), len(rooms["layers"])) * (ROW + GAP) + 10
    parts = [
        *stack(20, f"src/{project.name}/", whole["layers"]),
        *stack(20 + WIDTH + 40, f"src/{project.name}/db/", rooms["layers"]),
    ]
    return svg.document(2 * WIDTH + 80, height, "A room imports only from rooms below it", parts)


def stack(left: int, title: str, layers: list[str]) -> Iterator[str]:
    """Yield the layers from the top to the bottom. The rooms of one layer do not import each other."""
    yield svg.text(left, 30, title, "title")
    yield svg.text(left, 47, "a room imports only from rooms below it", "small")
    for number, layer in enumerate(layers):
        names = [name.strip(" ()") for name in layer.split(":")]
        y, width = TOP + number * (ROW + GAP), (WIDTH - GAP * (len(names) - 1)) // len(names)
        for place, name in enumerate(names):
            x = left + place * (width + GAP)
            ours = title.endswith("/db/") or name == "db"
            yield svg.box(x, y, width, ROW, svg.BLUE if ours else svg.GREEN)
            yield svg.text(x + width // 2, y + 22, name, anchor="middle")
        if number:
            middle = left + WIDTH // 2
            yield svg.arrow(f"M{middle} {y - GAP}V{y}")
