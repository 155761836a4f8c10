"""One command starts the service. If a deployed service lacks a setting, it says so in one sentence."""

import urllib.request
from pathlib import Path

import pytest

from tests.helpers import attempt
from tests.service import free_port, log_in_by_hand, post, serving, status_of

pytestmark = pytest.mark.slow

UVICORN = ["uv", "run", "--quiet", "uvicorn", "shop.api.app:app", "--port"]
# No server has this address. The service does not need a database to find a missing setting.
NOBODY = "postgresql://shop:hunter2@127.0.0.1:1/shop"


@pytest.mark.parametrize("terminate", [False, True], ids=["Ctrl-C", "SIGTERM"])
def test_the_service_starts_on_a_bare_machine_and_ends(shop: Path, terminate: bool) -> None:
    with serving(shop, terminate=terminate) as url:
        with urllib.request.urlopen(f"{url}/openapi.json") as answer:
            assert b'"/users/me"' in answer.read()
        log = (shop / "serve.log").read_text()
        assert "this starts a temporary PostgreSQL" in log

    assert status_of(f"{url}/health/live") is None
    assert not (shop / ".env").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "DATABASE_URL is not set; see .env.example"),
        ({"DATABASE_URL": NOBODY}, "WEB_TOKEN_SECRET is not set; see .env.example"),
        (
            {"DATABASE_URL": NOBODY, "WEB_TOKEN_SECRET": "short"},
            "WEB_TOKEN_SECRET is not valid: Value should have at least 32 items after validation",
        ),
        (
            {"DATABASE_URL": NOBODY, "WEB_TOKEN_SECRET": "s" * 32, "WEB_LOG_LEVEL": "hunter2"},
            "WEB_LOG_LEVEL is not valid: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'",
        ),
    ],
)
def test_a_deployed_service_names_a_missing_or_wrong_setting_in_one_sentence(
    shop: Path, settings: dict[str, str], sentence: str
) -> None:
    result = attempt([*UVICORN, str(free_port())], shop, **settings)

    assert result.returncode != 0
    assert sentence in result.stdout
    assert "Traceback" not in result.stdout
    assert "hunter2" not in result.stdout


@pytest.mark.requires("chromium")
def test_the_page_of_the_documentation_works_without_a_network(shop: Path, tmp_path: Path) -> None:
    account = {"email": "ada@example.com", "username": "ada", "password": "correct horse battery"}
    with serving(shop) as url:
        post(f"{url}/users", account)
        lines = log_in_by_hand(url, account, tmp_path)

    [answer] = [line for line in lines if line.startswith("answer ")]
    requests = {line.removeprefix("request ") for line in lines if line.startswith("request ")}
    assert f'"email": "{account["email"]}"' in answer
    assert f"{url}/docs/swagger-ui-bundle.js" in requests
    assert {each for each in requests if not each.startswith((f"{url}/", "data:"))} == set()
    # If the Content-Security-Policy forbids something, the browser reports it here.
    assert [line for line in lines if line.split()[0] in {"error", "warning"}] == []
