"""The wheel of a project migrates a database, without the parts that only developers need."""

import re
import shlex
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, attempt, run

pytestmark = pytest.mark.slow

# These modules write revisions, or judge them.
NOT_IN_THE_WHEEL = re.compile(r"shop/db/(migrations/(authoring|gate)/|.+/autogenerate\.py)")

UPGRADE = """
import sys
from alembic.config import main
main(["upgrade", "head"])
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def wheel(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run(["uv", "build", "--quiet", "--wheel", "--out-dir", str(directory)], shop)
    [wheel] = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(shop: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as in the image: a fresh environment with the wheel, and no source tree."""
    directory = tmp_path_factory.mktemp("installed")
    shutil.copy(shop / "pyproject.toml", directory)
    shutil.copytree(shop / "migrations", directory / "migrations")
    run(["uv", "venv", "--quiet", ".venv"], directory)
    run(["uv", "pip", "install", "--quiet", "--python", ".venv", str(wheel)], directory)
    return directory


def test_the_wheel_has_the_modules_that_apply_migrations_and_not_those_that_write_them(
    shop: Path, wheel: Path
) -> None:
    sources = {
        path.relative_to(shop / "src").as_posix() for path in (shop / "src/shop/db").rglob("*.py")
    }
    left_out = {name for name in sources if NOT_IN_THE_WHEEL.match(name)}

    packed = set(zipfile.ZipFile(wheel).namelist())

    assert left_out
    assert sources - packed == left_out


def test_the_wheel_migrates_a_database_and_loads_nothing_else(shop: Path, installed: Path) -> None:
    script = (
        "uv run --quiet alembic downgrade base\n"  # The temporary server is migrated already.
        f"cd {shlex.quote(str(installed))}\n"
        f".venv/bin/python -c {shlex.quote(UPGRADE)}\n"
        ".venv/bin/alembic current --check-heads\n"
    )
    command = ["uv", "run", "-q", "python", "-m", "tools.throwaway", "sh", "-e", "-c", script]

    output = run(command, shop, **NO_DOCKER)

    assert output.count("upgrade to 0001") == 2
    assert "0001 (head)" in output
    [loaded] = [set(line.split()) for line in output.splitlines() if "shop.db " in line]
    assert {"shop.db.migrations.runner", "shop.db.migrations.operations"} <= loaded
    unwanted = {"rich", "squawk", "pytest", "shop.settings"}
    unwanted |= {name for name in loaded if NOT_IN_THE_WHEEL.match(name.replace(".", "/") + "/")}
    assert loaded.isdisjoint(unwanted)


@pytest.mark.parametrize("command", [["check"], ["revision", "--autogenerate", "--message", "x"]])
def test_one_sentence_says_which_command_needs_the_source_tree(
    installed: Path, command: list[str]
) -> None:
    before = sorted((installed / "migrations/versions").glob("*.py"))

    result = attempt([".venv/bin/alembic", *command], installed)

    assert result.returncode != 0
    [sentence] = result.stdout.splitlines()
    assert "not in the wheel: run them in the project's source tree" in sentence
    assert sorted((installed / "migrations/versions").glob("*.py")) == before


def test_the_layer_needs_no_library_for_terminals(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop", example=False, web_framework="none")

    settings = tomllib.loads((project / "pyproject.toml").read_text())

    names = {re.split(r"\W", each)[0] for each in settings["project"]["dependencies"]}
    assert names == {"sqlalchemy", "alembic", "asyncpg", "pydantic", "stamina", "uuid"}
