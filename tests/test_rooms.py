"""The rooms of db/: each has one subject, and only PostgreSQL's rooms use PostgreSQL."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.test_proofs import OPTIONS

TEMPLATE = ROOT / "template"
LAYER = TEMPLATE / "src/{{ package_name }}/db"

# The rooms of the database system, and for each the only module that names it.
DIALECTS = {
    "postgresql": "dialect.py",
    "migrations/postgresql": "migrations/dialect.py",
}

# A room of another system. A proof uses it instead of the first one.
SQLITE = ROOT / "tests/proofs/dialect/sqlite"

# Words of PostgreSQL and its driver may be in its rooms, and in the rooms of options.
ROOMS_OF_POSTGRESQL = [*DIALECTS, *OPTIONS]

# Other files that may have such a word, and why. None of them may import PostgreSQL's modules.
SPEAK_OF_POSTGRESQL = {
    "migrations/operations": "revisions call them, and revisions are written for one system",
}

# Files with fewer than 20 lines, and why they are separate.
SHORT = {
    "dialect.py": "the only line that another database system changes",
    "migrations/dialect.py": "the only line that another database system changes",
    "mixins/soft_delete.py": "each mixin has its file",
}


def modules() -> dict[str, Path]:
    return {path.relative_to(LAYER).as_posix(): path for path in sorted(LAYER.rglob("*.py"))}


def is_in(name: str, *directories: str) -> bool:
    return name.startswith(tuple(f"{directory}/" for directory in directories))


def imports(name: str) -> Iterator[str]:
    """Yield the full names that a module imports. Names of the layer begin with `db`."""
    package = ["db", *name.split("/")[:-1]]
    for node in ast.walk(ast.parse((LAYER / name).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) + 1 - node.level] if node.level else []
            for alias in node.names:
                yield ".".join([*parents, *filter(None, [node.module]), alias.name])


def exported(room: Path) -> dict[str, str]:
    """Return the names that a room exports, and the file of each."""
    names: dict[str, str] = {}
    for node in ast.parse((room / "__init__.py").read_text()).body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.name: f"{node.module}.py" for alias in node.names}
        elif isinstance(node, ast.Assign):
            names[ast.unparse(node.targets[0])] = "__init__.py"
    return names


def interface(room: Path) -> dict[str, str]:
    """Return the file and the signature or annotation of each name that a room exports."""
    return {
        name: f"{file}: {declaration(room / file, name)}" for name, file in exported(room).items()
    }


def declaration(path: Path, name: str) -> str:
    """Return how a module declares a name, without its value or body."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            node.body = [ast.Expr(ast.Constant(...))]
            return ast.unparse(node)
        if isinstance(node, ast.ClassDef) and node.name == name:
            return ", ".join(
                ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)
            )
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            return f"{name}: {ast.unparse(node.annotation)}"
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return name
    pytest.fail(f"{path.name} does not declare {name}")


def test_only_the_rooms_of_postgresql_import_its_driver_and_its_dialect() -> None:
    theirs = re.compile(r"(asyncpg|sqlalchemy\.dialects)\b")
    importing = {name for name in modules() if any(map(theirs.match, imports(name)))}

    assert importing
    assert not {name for name in importing if not is_in(name, *ROOMS_OF_POSTGRESQL)}


@pytest.mark.parametrize("room", DIALECTS)
def test_only_one_line_names_the_room_of_the_database_system(room: str) -> None:
    package = f"db.{room.replace('/', '.')}"
    importing = [
        (name, each)
        for name in modules()
        for each in imports(name)
        if f"{each}.".startswith(f"{package}.") and not is_in(name, *ROOMS_OF_POSTGRESQL)
    ]

    assert importing == [(DIALECTS[room], package)]


def test_no_other_file_has_words_of_postgresql() -> None:
    speaking = [
        name
        for name, path in modules().items()
        if re.search("postgresql_|asyncpg", path.read_text())
    ]
    others = [name for name in speaking if not is_in(name, *ROOMS_OF_POSTGRESQL)]

    assert not [name for name in others if not is_in(name, *SPEAK_OF_POSTGRESQL)]
    for directory in SPEAK_OF_POSTGRESQL:
        assert any(is_in(name, directory) for name in others), f"{directory} needs no exception"


def test_rooms_of_database_systems_have_the_same_files() -> None:
    files = [
        sorted(path.relative_to(room).as_posix() for path in room.rglob("*.py"))
        for room in (LAYER / "postgresql", SQLITE)
    ]

    assert files[0] == files[1]


def test_rooms_of_database_systems_have_the_same_names_and_signatures() -> None:
    assert interface(LAYER / "postgresql") == interface(SQLITE)


@pytest.mark.parametrize("room", DIALECTS)
def test_a_room_exports_only_the_names_that_others_use(room: str) -> None:
    for_migrations = room.startswith("migrations/")
    used = {
        name
        for path in [*TEMPLATE.rglob("*.py"), *TEMPLATE.rglob("*.py.jinja")]
        if path.is_relative_to(LAYER / "migrations") == for_migrations
        and "dialect import dialect\n" in (text := path.read_text())
        for name in re.findall(r"(?<![\w.])dialect\.(\w+)", text)
    }

    assert used == exported(LAYER / room).keys()


def test_few_modules_are_directly_in_the_layer() -> None:
    assert len([*LAYER.glob("*.py")]) <= 8


def test_a_short_file_has_a_reason() -> None:
    short = {
        name
        for name, path in modules().items()
        if len(path.read_text().splitlines()) < 20 and path.stem not in {"__init__", "__main__"}
    }

    assert short == SHORT.keys()


def test_each_room_is_listed_once_in_the_documentation() -> None:
    directories = {f"{path.name}/" for path in LAYER.iterdir() if (path / "__init__.py").exists()}
    rooms = directories - {f"{option}/" for option in OPTIONS}
    files = {path.name for path in LAYER.glob("*.py")} - {"__init__.py"}
    _, _, readme = (TEMPLATE / "README.md.jinja").read_text().partition("Each module of `db/`")
    _, _, door = (LAYER / "__init__.py").read_text().partition("\nTo ")

    listed = re.findall(r"^\| `(\w+/)` \|", readme, re.MULTILINE)
    assert sorted(listed) == sorted(rooms)
    # `db/__init__.py` imports the room of the database system through dialect.py.
    listed = re.findall(r"`(\w+/|\w+\.py)`", door)
    assert sorted(listed) == sorted(files | rooms - {"postgresql/"})
