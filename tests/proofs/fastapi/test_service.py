"""The service around its routes: startup, health, log and shutdown."""

import asyncio

import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.api.logs import configure_logging
from shop.db import DatabaseSettings, errors
from shop.db.fastapi import WebSettings, schema_state, serving
from shop.unit_of_work import Database
from tests.db.fastapi.fixtures import client_of
from tests.proofs.fastapi.application import application
from tests.proofs.fastapi.sites import lines, served
from tests.proofs.support.faults import opened, wait_until

NOWHERE = make_url("postgresql://me:secret@127.0.0.1:1/nowhere")


async def test_a_service_starts_without_its_database_and_is_not_ready(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO")
    settings = DatabaseSettings(_env_file=None, url=NOWHERE)
    app = application(settings)
    web = WebSettings(_env_file=None)
    async with (
        Database(settings) as database,
        serving(app, database, web),
        client_of(app) as client,
    ):
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
        lost = await client.get("/pages")

    assert (live.status_code, ready.status_code, lost.status_code) == (200, 503, 503)
    for answer in (ready, lost):
        assert answer.json()["status"] == 503
        assert answer.headers["Retry-After"] == "1"
        for secret in ("nowhere", "127.0.0.1", "secret"):
            assert secret not in answer.text
    warnings = [each for each in lines(capsys) if each["level"] == "warning"]
    start, reason, _ = warnings
    assert "nowhere" in start["event"] + reason["event"]
    assert "PoolStatus(size=5" in reason["event"]
    assert "secret" not in str(reason)


@pytest.mark.parametrize(
    ("change", "phase", "starts"),
    [
        ("SELECT 1", "expand", True),
        ("DELETE FROM alembic_version", "expand", False),
        ("DROP TABLE alembic_version", "expand", False),
        ("DELETE FROM alembic_version", "contract", True),  # applied after the old code has ended
        ("UPDATE alembic_version SET version_num = 'newer'", "expand", True),
    ],
)
async def test_a_service_starts_if_its_schema_is_not_older_than_the_code(
    fresh_database_url: URL, monkeypatch: pytest.MonkeyPatch, change: str, phase: str, starts: bool
) -> None:
    monkeypatch.setattr(schema_state, "phase_of", lambda _: phase)
    async with opened(fresh_database_url) as database:
        async with database.engine.begin() as connection:
            await connection.execute(text(change))
        app = application(database.settings)
        web = serving(app, database, WebSettings(_env_file=None))
        if starts:
            async with web, client_of(app) as client:
                assert (await client.get("/health/ready")).status_code == 200
        else:
            with pytest.raises(errors.SchemaMismatch, match=r"older than this code.*just migrate"):
                await web.__aenter__()
            app.state.database = database
            async with client_of(app) as client:
                assert (await client.get("/health/ready")).status_code == 503


async def test_the_log_has_one_line_per_request_with_its_id_and_its_statements(
    fresh_database_url: URL, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(fresh_database_url) as site:
        given = await site.client.get("/pages", headers={"X-Request-ID": "mine-1"})
        new = await site.client.get("/pa%0Ages", headers={"X-Request-ID": "x" * 65})

    assert given.headers["X-Request-ID"] == "mine-1"
    assert len(new.headers["X-Request-ID"]) == 32
    mine, other = [each for each in lines(capsys) if each["event"].startswith("GET /pa")]
    assert mine["logger"] == "shop.db.fastapi.request_log"
    assert (mine["request_id"], mine["status"], mine["statements"]) == ("mine-1", 200, 1)
    assert mine["level"] == "info"
    assert mine["timestamp"].endswith("Z")
    assert 0 < mine["seconds"] < 60
    assert mine["complete"]
    assert (other["request_id"], other["path"]) == (new.headers["X-Request-ID"], "/pa%0Ages")


async def test_a_warning_of_the_layer_has_time_logger_reason_and_request_id(
    fresh_database_url: URL, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(fresh_database_url) as site:
        mine = {"X-Request-ID": "mine"}
        await site.client.post("/retried-moves", json=site.order(faults=1), headers=mine)
        await site.client.get("/loops/11", headers=mine)
        await site.client.get("/loops/10", headers={"X-Request-ID": "other"})

    warnings = [each for each in lines(capsys) if each["level"] == "warning"]
    again, loop = warnings
    assert "running again in" in again["event"]
    assert "another transaction changed the rows" in again["event"]
    assert "more than 10 times in one transaction" in loop["event"]
    assert "application.py" in loop["event"]
    for each in warnings:
        assert each["request_id"] == "mine"
        assert each["logger"] in {"shop.api.logs", "shop.db.engine.query_log"}
        assert each["timestamp"]


async def test_a_repeated_statement_causes_one_warning_if_both_settings_count_it(
    fresh_database_url: URL, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(fresh_database_url, log_statements_repeated_more_than=5) as site:
        await site.client.get("/loops/11")

    warnings = [each["event"] for each in lines(capsys) if each["level"] == "warning"]
    assert len(warnings) == 1
    assert "more than 5 times in one transaction" in warnings[0]


async def test_a_mistake_of_the_program_is_logged_with_its_traceback_and_its_request(
    fresh_database_url: URL, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(fresh_database_url) as site:
        answer = await site.client.get("/errors/UnitOfWorkError", headers={"X-Request-ID": "mine"})

    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == "mine"
    assert answer.headers["Connection"] == "close"  # uvicorn closes it
    assert answer.json()["detail"] == "the service made a mistake, and its log has the reason"
    [traceback] = [each for each in lines(capsys) if each["level"] == "error"]
    assert traceback["request_id"] == "mine"
    assert "UnitOfWorkError" in traceback["exception"]


async def test_the_shutdown_waits_for_requests_and_then_closes_the_pool(
    fresh_database_url: URL, server: AsyncConnection
) -> None:
    app = application(DatabaseSettings(_env_file=None, url=fresh_database_url))
    async with opened(fresh_database_url) as database:
        async with serving(app, database, WebSettings(_env_file=None)), client_of(app) as client:
            request = asyncio.create_task(client.get("/waits"))
            await app.state.begun.wait()
            asyncio.get_running_loop().call_later(0.1, app.state.go_on.set)
        assert request.done()
        assert (await request).status_code == 200
    await wait_until(
        server,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = "
        "current_database() AND application_name = 'shop'",
        0,
    )


async def test_the_shutdown_waits_a_limited_time_for_a_request(
    fresh_database_url: URL, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO")
    app = application(DatabaseSettings(_env_file=None, url=fresh_database_url))
    async with opened(fresh_database_url) as database:
        web = WebSettings(_env_file=None, drain_timeout=0.1)
        async with serving(app, database, web), client_of(app) as client:
            request = asyncio.create_task(client.get("/waits"))
            await app.state.begun.wait()
        assert not request.done()
        app.state.go_on.set()
        await request

    assert "1 requests did not end in 0.1 s" in capsys.readouterr().err


async def test_an_invalid_web_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEB_LOG_LEVEL", "hunter2")

    with pytest.raises(errors.SettingsError, match="WEB_LOG_LEVEL is not valid") as caught:
        WebSettings(_env_file=None)

    assert "hunter2" not in str(caught.value)
