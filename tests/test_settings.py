"""The program needs the project's own settings, and its migrations and tools do not."""

from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, commit, edit, just, run

pytestmark = pytest.mark.slow


@pytest.fixture
def strict(render: Render, tmp_path: Path) -> Path:
    """A project whose settings have a field without a default."""
    project = render(tmp_path / "shop")
    settings = project / "src/shop/settings.py"
    edit(settings, "from pydantic import Field", "from pydantic import Field, SecretStr")
    edit(settings, "    database:", "    jwt_secret: SecretStr\n\n    database:")
    commit(project, "Render")
    return project


def test_a_required_setting_fits_its_types(strict: Path) -> None:
    just(strict, "types")


def test_migrations_tools_and_tests_do_not_need_a_setting_of_the_program(strict: Path) -> None:
    script = "uv run just migrate; uv run just history; echo 'await uow.users.count()' | uv run just shell"
    command = ["uv", "run", "-q", "python", "-m", "tools.throwaway", "sh", "-e", "-c", script]

    assert "0001" in run(command, strict, **NO_DOCKER)
