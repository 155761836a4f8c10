"""The names that seeds and the template's files import from each other.

`copier update` does not change seeds. So a name that a seed imports must stay in the template. And
the template's tests and tools must not need new names of seeds. From 0.1.0 on, both lists are frozen.
A name may be added to the first list, but no name may be removed from it.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers import ROOT, Render
from tests.ownership import classes, files
from tests.renders import render_each_answer

# The names that seeds import from the template, and those that the web application needs.
FROZEN = {
    "shop.db": {
        "AllowedFields",
        "NAMING_CONVENTION",
        "TYPE_ANNOTATION_MAP",
        "Base",
        "Database",
        "DatabaseSettings",
        "Page",
        "ReadRepository",
        "ReadUnitOfWork",
        "Repository",
        "RowLock",
        "UnitOfWork",
        "search",
    },
    "shop.db.errors": {
        "ConstraintViolation",
        "DataException",
        "DatabaseError",
        "DeadlockDetected",
        "Error",
        "InvalidCursor",
        "NotFound",
        "SchemaMismatch",
        "SettingsError",
        "UniqueViolation",
    },
    "shop.db.fastapi": {
        "IfMatch",
        "PageOf",
        "PageParameters",
        "Paging",
        "RetriedRoute",
        "WebSettings",
        "check_if_match",
        "get_database",
        "install",
        "problem_responses",
        "serving",
        "set_etag",
        "set_page_links",
        "transaction_options",
        "unit_of_work_dependency",
    },
    "shop.db.migrations": {"run_migrations"},
    "shop.db.mixins": {"Timestamps", "Versioned"},
    "shop.db.mixins.bigint": {"Key", "PrimaryKey"},
    "shop.db.mixins.uuid4": {"Key", "PrimaryKey"},
    "shop.db.mixins.uuid7": {"Key", "PrimaryKey"},
    "shop.db.tenancy": {  # with the option rls
        "Database",
        "ReadRepository",
        "Repository",
        "Tenant",
        "Tenanted",
        "open_to_all_tenants",
        "tenant_attributes",
        "tenant_foreign_key",
        "tenant_scope",
    },
    "shop.db.tenancy.request": {"tenant_dependency"},  # with the web too
    "tests.db.fastapi.fixtures": {"client_of"},
    "tests.db.plugin": set(),  # pytest loads it by its name
}
FIXTURES = {"database", "fresh_database_url", "isolated", "max_queries", "session", "uow"}
FIXTURES |= {"app", "client", "committing_client"}  # with the option fastapi

# The names that the template's tests and tools import from seeds. The layer imports none. They call
# `Database(settings)` and `UnitOfWork(session)`.
NEEDED = {
    "shop.api.app": {"create_app"},  # with the option fastapi
    "shop.models": {"Base", "__all__", "__name__", "__path__"},  # a package
    "shop.unit_of_work": {"Database", "UnitOfWork"},
}

# The web application of the proofs: its files that import from the layer.
APPLICATION = ("fastapi/application", "fastapi/test_etag", "support/actors")


class Module(NamedTuple):
    """A module of a rendered project, or the Python in a document."""

    name: str
    package: str
    tree: ast.Module
    owner: str


@pytest.fixture(scope="module")
def modules(render: Render, tmp_path_factory: pytest.TempPathFactory) -> list[Module]:
    """The modules of a few projects. Each answer to each question is in one of them."""
    directory = tmp_path_factory.mktemp("seams")
    projects = render_each_answer(render, directory)
    return [module for project in projects for module in read(project)]


def read(project: Path) -> Iterator[Module]:
    for name in files(project):
        if not name.endswith((".py", ".md")):
            continue
        text, parts = (project / name).read_text(), [name]
        if name.endswith(".py"):
            parts = name.removeprefix("src/").removesuffix(".py").split("/")
        else:
            text = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
        [owner] = classes(project, name)
        if name.endswith("/SKILL.md"):
            owner = "seed"  # it shows code for the project's own files
        yield parse(parts, text, owner)


def parse(parts: list[str], text: str, owner: str) -> Module:
    package = ".".join(parts[:-1])
    name = package if parts[-1] == "__init__" else ".".join(parts)
    return Module(name, package, ast.parse(text), owner)


def imported(modules: Iterable[Module], by: str, owner: str) -> dict[str, set[str]]:
    """Return the modules of one class that files of another class import, with the names."""
    owners = {module.name: module.owner for module in modules}
    found: dict[str, set[str]] = defaultdict(set)
    for path in {path for module in modules if module.owner == by for path in references(module)}:
        parts = path.split(".")
        prefixes = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
        module = next(filter(owners.__contains__, prefixes), "")
        if owners.get(module) == owner:
            found[module].update(parts[module.count(".") + 1 :][:1])
    return dict(found)


def references(file: Module) -> Iterator[str]:
    """Yield the full name of all that a file imports, such as `shop.db.errors.Error`."""
    local: dict[str, str] = {}
    nodes = list(ast.walk(file.tree))
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            above = file.package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            local |= {each.asname or each.name: f"{base}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            local |= {each.asname: each.name for each in node.names if each.asname}
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.Constant) and str(node.value).startswith("tests."):
            yield str(node.value)  # pytest_plugins
    yield from local.values()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            root, *rest = ast.unparse(node).split(".")
            if root in local:
                yield ".".join([local[root], *rest])


def fixtures(modules: Iterable[Module]) -> set[str]:
    """Return the fixtures of the template's files."""
    found = (each for module in modules if module.owner == "owned" for each in functions(module))
    return {
        each.name
        for each in found
        if "pytest.fixture" in str([*map(ast.unparse, each.decorator_list)])
    }


def asked_fixtures(modules: Iterable[Module]) -> set[str]:
    """Return the names of arguments in seeds. Those that are fixtures are frozen."""
    found = (each for module in modules if module.owner == "seed" for each in functions(module))
    return {argument.arg for each in found for argument in each.args.args}


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_seeds_and_a_web_application_import_these_names(modules: list[Module]) -> None:
    proofs = ROOT / "tests/proofs"
    application = [
        parse(["tests", "proofs", name], (proofs / f"{name}.py").read_text(), "seed")
        for name in APPLICATION
    ]

    assert imported([*modules, *application], by="seed", owner="owned") == FROZEN


def test_the_templates_tests_and_tools_import_these_names_from_seeds(
    modules: list[Module],
) -> None:
    assert imported(modules, by="owned", owner="seed") == NEEDED


def test_the_layer_imports_nothing_from_seeds(modules: list[Module]) -> None:
    inside = [module for module in modules if f"{module.name}.".startswith("shop.db.")]
    layer = [module._replace(owner="layer") for module in inside]

    assert layer
    assert imported([*modules, *layer], by="layer", owner="seed") == {}
    assert imported([*modules, *layer], by="layer", owner="owned") == {}  # not `tests.db`, `tools`


def test_the_frozen_fixtures_exist_and_seeds_use_no_others(modules: list[Module]) -> None:
    ours = fixtures(modules)

    assert ours >= FIXTURES
    assert ours & asked_fixtures(modules) <= FIXTURES
