"""The rules between two versions of the template. Each function yields a sentence for each broken rule.

A version may break most rules if a note names the change. Then people read about it after the update. A
note does not help if a question, a choice or a frozen name is gone, or the DDL of a released mixin changes.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from copier._template import load_template_config

from maintenance.notes import Note
from tests.helpers import render_project, run
from tests.ownership import classes, files
from tests.test_seams import asked_fixtures, fixtures, imported, read

# Versions are compared with these answers. Together they render each file of the template.
ANSWERS: dict[str, dict[str, Any]] = {
    "default answers": {},
    "no example, bigint": {
        **{"example": False, "primary_key": "bigint", "license": "MIT", "ci": "gitlab"},
        **{"docker": False, "web_framework": "none"},
    },
    "uuid4 with audit": {"primary_key": "uuid4", "audit": "triggers", "python_version": "3.12"},
}

# This program prints the DDL of a table for each mixin, and of a table with all types and constraints.
DDL = """
import enum
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateIndex, CreateTable
from shop import db
from shop.db import audit, mixins
from shop.db.mixins import bigint

class Base(db.Base, DeclarativeBase):
    metadata = sa.MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP

class Color(enum.Enum):
    RED = 1

for name in sorted(mixins.__all__):
    mixin = getattr(mixins, name)
    bases = (mixin, bigint.PrimaryKey) if isinstance(mixin, type) else (mixin.PrimaryKey,)
    type(name, (*bases, Base), {"__tablename__": name.lower()})
type("Log", (audit.AuditEntry, Base), {})
kinds = [Color if each is enum.Enum else each for each in db.TYPE_ANNOTATION_MAP if isinstance(each, type)]
columns = {kind.__name__.lower(): mapped_column() for kind in kinds}
types = {kind.__name__.lower(): Mapped[kind] for kind in kinds}
rules = (
    sa.UniqueConstraint("str"),
    sa.Index(None, "int"),
    sa.CheckConstraint("true", name="always"),
    sa.ForeignKeyConstraint(["int"], ["bigint.id"]),
)
type("Types", (bigint.PrimaryKey, Base), {
    "__tablename__": "types", "__annotations__": types, "__table_args__": rules, **columns
})
postgresql = registry.load("postgresql")()
for table in Base.metadata.sorted_tables:
    indexes = [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    for element in [CreateTable(table), *indexes]:
        print(str(element.compile(dialect=postgresql)).strip(), end="\\n\\n")
"""


def questions(old: Path, new: Path) -> Iterator[str]:
    """Compare the questions of two versions, in two directories with sources."""
    before, after = (asked(load_template_config(each / "copier.yml")) for each in (old, new))
    for name, question in after.items():
        if "default" not in question:
            yield f"the question {name} has no default"
    for name, question in before.items():
        if name not in after:
            if not any(name in str(each.get("default")) for each in after.values()):
                yield f"the question {name} is gone, and no other one takes its answer"
        elif gone := choices(question) - choices(after[name]):
            yield f"the question {name} has lost the choice {', '.join(sorted(gone))}"
        elif "Decided once" in str(question) and "Decided once" not in str(after[name]):
            yield f"the answer to {name} was decided once, and can be changed now"


def asked(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: question
        for name, question in config.items()
        if not name.startswith("_") and question.get("when") is not False
    }


def choices(question: dict[str, Any]) -> set[str]:
    listed = question.get("choices", [])
    return set(map(str, listed.values() if isinstance(listed, dict) else listed))


def rendered_files(old: Path, new: Path, notes: list[Note]) -> Iterator[str]:
    """Compare the files of two projects. Two versions rendered them with the same answers."""
    gone = {name.replace("<package>", "shop") for note in notes for name in note.get("files", {})}
    noted = {name.replace("<package>", "shop") for note in notes for name in note.get("seeds", [])}
    before, after = ({name: classes(each, name) for name in files(each)} for each in (old, new))
    for name, owners in before.items():
        if name not in after and "seed" not in owners and name not in gone:
            yield f"{name} is gone or renamed: name it in the files of a note"
        if name in after and "seed" in after[name] and "seed" not in owners:
            continue  # the file now belongs to the project
        if owners == ["frozen"] and name in after and differs(old, new, name):
            yield f"{name} is frozen, and has changed"
    for name in {name for each in (before, after) for name in each if "seed" in each[name]} - noted:
        if name not in before or name not in after or differs(old, new, name):
            yield f"{name} differs in new projects: name it in the seeds of a note"


def differs(old: Path, new: Path, name: str) -> bool:
    return (old / name).read_bytes() != (new / name).read_bytes()


def names(old: Path, new: Path, notes: list[Note]) -> Iterator[str]:
    """Compare two projects by the names that the layer defines and the settings that it reads."""
    words = {word for note in notes for word in note.get("words", [])}
    frozen = imported([*read(old)], by="seed", owner="owned")
    for module, needed in frozen.items():
        for name in sorted(needed - defined(new, module)):
            yield f"{module}.{name} is frozen, and is gone"
    modules = [*read(new)]
    known = imported([*read(old)], by="owned", owner="seed")
    for module, needed in imported(modules, by="owned", owner="seed").items():
        if (old / "src" / module.replace(".", "/")).parent.exists():  # otherwise an option is new
            for name in sorted(needed - known.get(module, set()) - defined(old, module)):
                yield f"the template needs {module}.{name}, and seeds of the earlier version lack it"
    for name in sorted(asked_fixtures(read(old)) & fixtures(read(old)) - fixtures(modules)):
        yield f"the fixture {name} is frozen, and is gone"
    for path in (old / "src/shop/db").rglob("__init__.py"):
        module = ".".join(path.parent.relative_to(old / "src").parts)
        for name in sorted(public(path) - defined(new, module) - words):
            yield f"{module}.{name} is gone: keep an alias, or name it in the words of a note"
    for setting in sorted(settings(old) - settings(new) - words):
        yield f"the setting {setting} is gone: name it in the words of a note"


def parse(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text()).body if path.exists() else []


def public(path: Path) -> set[str]:
    """Return the names in `__all__`."""
    for node in parse(path):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def defined(project: Path, module: str) -> set[str]:
    """Return the names that a module defines or imports, and its submodules."""
    base = project / ("src" if module.startswith("shop") else ".") / module.replace(".", "/")
    package = base / "__init__.py"
    found = {path.stem for path in base.glob("*")} if package.exists() else set()
    for node in parse(package if package.exists() else base.with_suffix(".py")):
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
            ):
                found.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found |= {alias.asname or alias.name for alias in aliases}
            case ast.Assign(targets=targets):
                found |= {each.id for each in targets if isinstance(each, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def settings(project: Path) -> set[str]:
    """Return the environment variables that the layer reads."""
    found = set()
    for prefix, module in {
        "DATABASE": "settings.py",
        "MIGRATION": "migrations/settings.py",
        "WEB": "fastapi/settings.py",
    }.items():
        for node in parse(project / "src/shop/db" / module):
            for field in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    found.add(f"{prefix}_{field.target.id.upper()}")
    return found


def ddl(old: Path, new: Path, python: Path) -> Iterator[str]:
    """Compare the DDL of the mixins of two projects. `python` has the libraries of a project."""
    before, after = (tables(project, python) for project in (old, new))
    for name in before:
        if before[name] != after.get(name):
            yield f"the DDL of a released mixin has changed: {before[name]}"


def tables(project: Path, python: Path) -> dict[str, str]:
    # Without "-B", Python would add compiled files to the project, and the next comparison reads them.
    output = run([str(python), "-B", "-c", DDL], project, PYTHONPATH=str(project / "src"))
    return {text.split("(")[0].strip(): text for text in output.split("\n\n") if text.strip()}


def determinism(template: Path, directory: Path, answers: dict[str, Any]) -> Iterator[str]:
    """Render a project twice, and compare the two."""
    one, two = (render_project(template, directory / each / "shop", **answers) for each in "12")
    for name in files(one):
        if name != ".copier-answers.yml" and differs(one, two, name):
            yield f"{name} is rendered differently each time"
