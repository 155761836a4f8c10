"""Another database system needs only another room: the layer runs on SQLite when one line
changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def copy(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """A copy of the layer that has and uses the room `sqlite/`. All other files are unchanged."""
    layer = tmp_path / "src/shop/db"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(pytestconfig.rootpath / "src/shop/db", layer, ignore=ignored)
    shutil.copytree(HERE, tmp_path / "tests/proofs/dialect", ignore=ignored)
    shutil.move(tmp_path / "tests/proofs/dialect/sqlite", layer / "sqlite")
    dialect = layer / "dialect.py"
    line = "from . import postgresql as dialect\n"
    assert line in dialect.read_text()
    dialect.write_text(dialect.read_text().replace(line, "from . import sqlite as dialect\n"))
    (layer.parent / "__init__.py").touch()
    shutil.copy(pytestconfig.rootpath / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_layer_works_on_sqlite(copy: Path) -> None:
    code, output = run(copy, "pytest", "tests/proofs/dialect/layer_on_sqlite.py")

    assert code == 0, output


def test_the_layer_is_typed_with_sqlite(pytestconfig: pytest.Config, copy: Path) -> None:
    cache = pytestconfig.rootpath / ".mypy_cache"  # its environment has the libraries
    code, output = run(copy, "mypy", "--cache-dir", str(cache), ".")

    assert code == 0, output


def run(copy: Path, *command: str) -> tuple[int, str]:
    """Run a module in the copy, and return its exit code and output. It must end by itself."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=copy,
        env={name: value for name, value in os.environ.items() if "DATABASE" not in name}
        | {"PYTHONPATH": str(copy / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout
