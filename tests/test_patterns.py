"""The snippets of a page run, in their order, on the rendered example."""

import ast
import re
from pathlib import Path
from textwrap import indent

import pytest

from tests.helpers import NO_DOCKER, ROOT, run
from tests.snippets import Snippet, snippets

pytestmark = pytest.mark.slow

PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/patterns").glob("*.md"))
RUN = [
    each
    for page in [*PAGES, "docs/coming-from.md", "docs/testing.md"]
    for each in snippets(page)
    if each.language in {"python", "sql"}
]
# What docs/patterns/index.md says about the names of the snippets.
BEGIN = """
async with database.engine.begin() as connection:
    await connection.run_sync(Base.metadata.create_all)
async with database.unit_of_work() as uow:
    ada = await uow.users.add(User(email="ada@example.com", username="ada", password_hash="…"))
    bob = await uow.users.add(User(email="bob@example.com", username="bob", password_hash="…"))
    ada.credits = 100
"""


def belongs_to_the_module(code: str) -> bool:
    """Return whether a snippet has only imports, classes and functions."""
    try:
        body = ast.parse(code).body
        compile(code, "snippet", "exec")
    except SyntaxError:  # it awaits
        return False
    kinds = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return all(isinstance(each, (*kinds, ast.Assign, ast.AnnAssign)) for each in body)


def in_python(each: Snippet) -> str:
    """Return the code of a snippet. SQL runs on a connection of the engine."""
    if each.language == "python":
        return each.code
    execute = (
        "async with database.engine.connect() as connection:\n    await connection.exec_driver_sql("
    )
    statements = each.code.strip().rstrip(";").split(";\n")
    return "\n".join(f"{execute}{statement!r})" for statement in statements)


def program(page: str) -> str:
    """Return a test that has the snippets of a page."""
    codes = [in_python(each) for each in RUN if each.document == page]
    above = "\n\n".join(code for code in codes if belongs_to_the_module(code))
    inside = [code for code in codes if not belongs_to_the_module(code)]
    imports = "from shop.models import Base, User\nfrom shop.unit_of_work import Database\n"
    body = indent("\n".join([BEGIN, *inside]), "    ")
    return f"{imports}{above}\n\nasync def test_snippets(database: Database) -> None:\n{body}"


@pytest.fixture(scope="module")
def programs(shop: Path) -> dict[str, Path]:
    """A test for each page, in the rendered project."""
    directory = shop / "tests/documents"
    directory.mkdir()
    (directory / "__init__.py").touch()
    paths = {}
    for page in {each.document: None for each in RUN}:
        paths[page] = directory / f"test_{Path(page).stem.replace('-', '_')}.py"
        paths[page].write_text(program(page))
    return paths


def test_the_snippets_run_and_fit_their_types(shop: Path, programs: dict[str, Path]) -> None:
    directory = str(next(iter(programs.values())).parent)
    output = run(["uv", "run", "pytest", "-q", directory], shop, **NO_DOCKER)
    assert re.search(r"^\d+ passed", output, re.MULTILINE)
    run(["uv", "run", "mypy", directory], shop)
    unused = run(["uv", "run", "ruff", "check", "--select", "F401", "--exit-zero", directory], shop)
    assert re.findall(r"F401.*", unused) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_pitfall_and_the_right_way(page: str) -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / page).read_text(), re.MULTILINE)

    assert page.endswith("index.md") or {"The right way", "Pitfalls"} <= set(headings)
