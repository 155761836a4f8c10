"""The example with organisations: what a browser, a linter of policies and the server say about it."""

import json
import shlex
from pathlib import Path

import pytest

from tests.helpers import Render, on_a_server
from tests.service import log_in_by_hand, post, serving

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"

# What pgrls finds, and the reasons.
SETTINGS = """
[lint]
# SEC003: the policies name no role, because they bind every role, and its name differs by environment.
disable = ["SEC003"]

# The table of Alembic has no rows of tenants, and the program may only read it. The model of
# organisations says why they are open to all.
[lint.rules.SEC001]
allowlist = ["public.alembic_version", "public.organisations"]

# Users of one organisation see the rows of each other. The service reads a key for its user only.
[lint.rules.SEC027]
allowlist = ["public.idempotency_keys"]
"""
PGRLS = ["uv", "run", "--quiet", "--isolated", "--no-project", "--with", "pgrls>=0.57", "pgrls"]
# Without --set ON_ERROR_STOP=1, psql goes on after an error.
DELETE = """
python -m tools.psql --quiet --tuples-only --file - <<'SQL'
\\set key '00000000-0000-0000-0000-000000000001'
INSERT INTO organisations (id, name) VALUES (:'key', 'press');
INSERT INTO users (tenant_id, id, email, username, password_hash) VALUES (:'key', :'key', 'a', 'a', 'a');
DELETE FROM organisations RETURNING 'deleted too early';
DELETE FROM users;
DELETE FROM organisations RETURNING 'deleted ' || name;
SQL
"""


@pytest.fixture
def project(render: Render, tmp_path: Path) -> Path:
    return render(tmp_path / "shop", multi_tenancy="rls")


@pytest.mark.requires("chromium")
def test_a_user_of_an_organisation_logs_in_on_the_page_of_the_documentation(
    project: Path, tmp_path: Path
) -> None:
    account = {"email": "ada@example.com", "username": "ada", "password": PASSWORD}
    with serving(project) as url:
        for name in ("press", "paper"):
            post(f"{url}/organisations", {"name": name, **account})
        lines = log_in_by_hand(url, account, tmp_path, "paper")

    [answer] = [line for line in lines if line.startswith("answer ")]
    assert f'"email": "{account["email"]}"' in answer
    assert [line for line in lines if line.split()[0] in {"error", "warning"}] == []


def test_pgrls_finds_nothing_in_the_schema(project: Path, tmp_path: Path) -> None:
    (tmp_path / "pgrls.toml").write_text(SETTINGS)
    asked = f"{shlex.join(PGRLS)} %s --format json --database-url $DATABASE_URL > %s.json || true"
    script = f"cd {tmp_path}\n" + "\n".join(asked % (each, each) for each in ("lint", "verify"))

    on_a_server(project, script)

    assert json.loads((tmp_path / "lint.json").read_text())["violations"] == []
    tables = json.loads((tmp_path / "verify.json").read_text())["tables"]
    assert {table["table"] for table in tables} == {
        *("public.comments", "public.idempotency_keys", "public.posts", "public.users")
    }
    assert "LEAKING" not in str(tables).upper()


def test_an_organisation_with_users_cannot_be_deleted(project: Path) -> None:
    output = on_a_server(project, DELETE)

    assert 'foreign key constraint "fk_users_tenant_id_organisations"' in output
    assert "deleted too early" not in output
    assert "deleted press" in output
