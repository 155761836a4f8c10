"""The check of the schema: in a wrong directory, with a wrong role, and by several services of one process."""

import asyncio
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from shop.api.app import create_app
from shop.api.logs import configure_logging
from shop.db import errors
from shop.db.fastapi import WebSettings, serving
from shop.db.fastapi.schema_state import SchemaState
from tests.db.fastapi.fixtures import client_of
from tests.proofs.fastapi.application import application
from tests.proofs.fastapi.sites import lines
from tests.proofs.support.faults import opened
from tests.proofs.support.revisions import Project


@pytest.mark.parametrize("missing", ["pyproject.toml", "migrations"])
async def test_a_service_in_a_wrong_directory_says_where_to_start_it(
    fresh_database_url: URL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
) -> None:
    if missing == "migrations":
        shutil.copy("pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    configure_logging("WARNING")
    async with opened(fresh_database_url) as database:
        app = application(database.settings)
        with pytest.raises(errors.SettingsError, match="start the service in the directory of"):
            await serving(app, database, WebSettings(_env_file=None)).__aenter__()
        app.state.database = database  # as if the database had not answered at startup
        async with client_of(app) as client:
            assert (await client.get("/health/ready")).status_code == 503

    [warning] = lines(capsys)
    assert "the service is not ready: no revisions" in warning["event"]


async def test_a_role_that_may_not_read_the_applied_revisions_is_told_what_to_grant(
    fresh_database_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_database_url.update_query_dict({"options": "-crole=pg_monitor"})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        messages.append(message)

    with pytest.raises(errors.SettingsError):
        await create_app()({"type": "lifespan", "state": {}}, receive, send)

    [failed] = messages
    assert failed["type"] == "lifespan.startup.failed"
    assert re.fullmatch(
        r"the role .* may not read .*alembic_version: GRANT SELECT on it", failed["message"]
    )


async def test_services_of_one_event_loop_can_check_their_schemas_at_the_same_time(
    fresh_database_url: URL,
) -> None:
    async with opened(fresh_database_url) as database:
        await asyncio.gather(*(SchemaState().check(database.engine) for _ in range(4)))


async def test_a_merge_behind_a_revision_of_the_phase_contract_does_not_count(
    pytestconfig: pytest.Config,
    tmp_path: Path,
    fresh_database_url: URL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = Project(pytestconfig.rootpath, tmp_path / "copy", fresh_database_url)
    copy.write("a", phase="contract")
    copy.write("b")
    copy.write("merge", after=("a", "b"))
    copy.alembic("-x", "phase=expand", "upgrade", "head")
    monkeypatch.chdir(copy.root)

    async with opened(fresh_database_url) as database:
        await SchemaState().check(database.engine)


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Let Python switch between threads as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


async def test_services_of_several_threads_can_check_their_schemas_at_the_same_time(
    fresh_database_url: URL, many_switches: None
) -> None:
    together = threading.Barrier(4)

    async def check() -> None:
        async with opened(fresh_database_url) as database:
            async with database.engine.connect():
                together.wait(30)
            await SchemaState().check(database.engine)

    await asyncio.gather(*(asyncio.to_thread(asyncio.run, check()) for _ in range(4)))
