"""The snippets of a page run, in their order, on the rendered example."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest

from tests.helpers import NO_DOCKER, ROOT, run
from tests.snippets import Snippet, snippets

pytestmark = pytest.mark.slow

ROWS = ROOT / "tests/documents"  # a test for each row of docs/coming-from.md
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
def directory(shop: Path) -> Iterator[Path]:
    """The tests of the documents, in the rendered project."""
    directory = shop / "tests/documents"
    shutil.copytree(ROWS, directory, ignore=shutil.ignore_patterns("__pycache__"))
    for rows in directory.glob("coming_from_*.py"):
        rows.rename(directory / f"test_{rows.name}")
    for support in ("forked.py", "own_migrations.py", "revisions.py"):
        shutil.copy(ROOT / "tests/proofs/support" / support, directory)
    for page in {each.document: None for each in RUN}:
        name = f"test_{Path(page).stem.replace('-', '_')}.py"
        (directory / name).write_text(program(page))
    yield directory
    shutil.rmtree(directory)


def test_the_snippets_and_rows_run_and_fit_their_types(shop: Path, directory: Path) -> None:
    python = ["uv", "run", "--with", "factory-boy==3.3.3", "python", "-m"]
    output = run([*python, "pytest", "-q", str(directory)], shop, **NO_DOCKER)
    assert re.search(r"^\d+ passed", output, re.MULTILINE)
    run(["uv", "run", "mypy", str(directory)], shop)
    ruff = ["uv", "run", "ruff", "check", "--select", "F401", "--exit-zero"]
    assert re.findall(r"F401.*", run([*ruff, str(directory)], shop)) == []


def test_each_row_of_the_recipes_has_a_test() -> None:
    text = (ROOT / "docs/coming-from.md").read_text()
    rows = re.findall(r"^\| (?!You know|---)(.*?) \|", text.replace("|---", "| ---"), re.MULTILINE)
    tests = [
        ast.get_docstring(node)
        for path in ROWS.glob("coming_from_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    ]

    assert sorted(tests, key=str) == sorted(rows)
    assert len(rows) > 40


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_pitfall_and_the_right_way(page: str) -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / page).read_text(), re.MULTILINE)

    assert page.endswith("index.md") or {"The right way", "Pitfalls"} <= set(headings)
