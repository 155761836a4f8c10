"""The services of the rendered compose.yaml: the database, the migration, the service, and their end."""

import json
import re
import secrets
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import Render, attempt, run
from tests.requirements import compose
from tests.service import free_port

pytestmark = [pytest.mark.slow, pytest.mark.requires("compose")]

Compose = Callable[..., subprocess.CompletedProcess[str]]

# The build reaches the package index as the other tests do.
OVERRIDE = """
services:
  expand:
    build:
      context: .
      network: host
"""


@pytest.fixture(scope="module")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = render(tmp_path_factory.mktemp("compose") / "shop")
    run(["uv", "lock", "--quiet"], project)
    # Another process may test other containers and another image.
    name = f"shop-{secrets.token_hex(4)}"
    services = project / "compose.yaml"
    services.write_text(services.read_text().replace("image: shop\n", f"image: {name}\n"))
    (project / "compose.override.yaml").write_text(OVERRIDE)
    values = {"API_PORT": free_port(), "POSTGRES_PORT": free_port(), "COMPOSE_PROJECT_NAME": name}
    example = (project / ".env.example").read_text()
    example = re.sub(r"\bPASSWORD(?=@|$)|(?<==)SECRET$", secrets.token_hex(16), example, flags=re.M)
    # `just db` creates the user and the database of this URL. Here it is a superuser's.
    example = re.sub(
        "//shop:(.*)@postgres:5432/shop", r"//superuser:\1@postgres:5432/postgres", example
    )
    (project / ".env").write_text(example + "".join(f"{k}={v}\n" for k, v in values.items()))
    return project


def setting(project: Path, name: str) -> str:
    """Return the value that the project's `.env` has for a setting."""
    lines = (project / ".env").read_text().splitlines()
    return next(line.removeprefix(f"{name}=") for line in lines if line.startswith(f"{name}="))


@pytest.fixture(scope="module")
def services(project: Path) -> Iterator[Compose]:
    """A function that runs a command of Docker Compose."""
    command = compose()
    assert command is not None

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return attempt([*command, *arguments], project, **environment)

    yield call
    call("down", "--volumes")
    run(["docker", "image", "rm", "--force", setting(project, "COMPOSE_PROJECT_NAME")], project)


def test_the_services_migrate_serve_and_end_on_sigterm(project: Path, services: Compose) -> None:
    up = services("up", "--build", "--detach", "api")
    assert up.returncode == 0, up.stdout
    [container] = services("ps", "--quiet", "api").stdout.split()
    healthy = (
        f"docker inspect --format '{{{{.State.Health.Status}}}}' {container} | grep -qx healthy"
    )
    run(["timeout", "60", "sh", "-c", f"until {healthy}; do sleep 0.2; done"], project)
    port = setting(project, "API_PORT")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/posts", timeout=30) as response:
        assert json.load(response)["items"] == []
    assert "upgrade to 0001 (expand)" in services("logs", "expand").stdout
    contract = services("run", "--rm", "contract")
    assert (contract.returncode, "nothing to do" in contract.stdout) == (0, True), contract.stdout

    services("stop", "api")

    logs = services("logs", "api").stdout
    assert "Application shutdown complete" in logs
    assert "sslmode" not in logs
    state = ["docker", "inspect", "--format", "exit code {{.State.ExitCode}}", container]
    assert run(state, project) == "exit code 0\n"
    services("down")
    assert services("ps", "--quiet").stdout == ""


def test_the_service_does_not_start_if_the_migration_fails(services: Compose) -> None:
    up = services("up", "--build", "--detach", "api", COMPOSE_DATABASE_URL="")

    assert up.returncode != 0
    assert "DATABASE_URL is not set" in services("logs", "expand").stdout
    assert services("ps", "--quiet", "api").stdout == ""  # no container of the service runs
