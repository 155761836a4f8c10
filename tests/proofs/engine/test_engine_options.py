"""The options of the engine. For each option, a proof fails without it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import text

from shop.db import Database, DatabaseSettings, errors
from tests.proofs.support.accounts import Work

Make = Callable[..., Database[Work]]


@pytest.fixture
async def make(proof_settings: DatabaseSettings) -> AsyncIterator[Make]:
    """A function that returns a database with other settings."""
    made: list[Database[Work]] = []

    def make(**values: Any) -> Database[Work]:
        made.append(Database(proof_settings.model_copy(update=values), Work))
        return made[-1]

    yield make
    for database in made:
        await database.dispose()


async def backend_of(database: Database[Work]) -> int:
    async with database.unit_of_work() as work:
        return int(await work.session.scalar(text("SELECT pg_backend_pid()")) or 0)


async def test_a_connection_is_replaced_at_its_maximum_age(make: Make) -> None:
    old, young = make(pool_recycle=0.0001), make(pool_recycle=60)

    assert await backend_of(old) != await backend_of(old)
    assert await backend_of(young) == await backend_of(young)


async def test_one_stale_connection_replaces_all_connections_of_the_pool(make: Make) -> None:
    database = make(pool_size=2, max_overflow=0, pool_ping_after_idle=0)

    async def both() -> list[int]:
        backends = []
        async with database.engine.connect() as one, database.engine.connect() as two:
            for each in (one, two):
                backends.append(int(await each.scalar(text("SELECT pg_backend_pid()")) or 0))
        return backends

    before = await both()
    async with make().unit_of_work() as work:
        for backend in before[1:]:  # it was given back first, so the pool hands it out next
            await work.session.execute(
                text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend}
            )

    assert set(await both()).isdisjoint(before)


@pytest.mark.parametrize("on", [True, False])
async def test_statements_are_echoed_if_wanted_and_parameters_are_never_echoed(
    make: Make, on: bool, caplog: pytest.LogCaptureFixture
) -> None:
    database = make(echo=on)

    async with database.unit_of_work() as work:
        await work.session.execute(text("SELECT CAST(:secret AS text)"), {"secret": "s3cr3t"})

    logged = [each for each in caplog.records if each.name == "sqlalchemy.engine.Engine"]
    assert any("AS text" in each.getMessage() for each in logged) is on
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize(
    ("rest", "named"),
    [
        ("@localhost/name", None),
        ("@127.0.0.2:5432/name", None),
        ("@[::1]/name", None),
        ("@/name?host=/run/postgresql", None),
        ("@db.example.com/name?sslmode=disable", None),
        ("@db.example.com/name?sslmode=verify-full", None),
        ("@db.example.com/name", "db.example.com"),
        ("@localhost.example.com/name", "localhost.example.com"),
        ("@10.0.0.7/name", "10.0.0.7"),
        (
            "@/name?host=localhost:5432&host=db.example.com:5432",
            "localhost:5432, db.example.com:5432",
        ),
    ],
)
def test_a_url_of_another_machine_that_asks_for_no_tls_is_a_warning(
    rest: str, named: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    Database(DatabaseSettings(url=f"postgresql://u:s3cr3t{rest}"), Work)

    warning = f"the URL of {named} has no sslmode: add sslmode=verify-full"
    assert caplog.messages == ([warning] if named else [])


async def test_an_error_has_no_parameters(make: Make) -> None:
    async with make().unit_of_work() as work:
        with pytest.raises(errors.DataException) as error:
            async with work.savepoint():
                await work.session.execute(
                    text("SELECT 1 / (length(CAST(:secret AS text)) - 6)"), {"secret": "s3cr3t"}
                )

    assert "s3cr3t" not in str(error.value.__cause__)


@pytest.mark.parametrize("on", [True, False])
async def test_the_pool_is_echoed_if_wanted(
    make: Make, on: bool, caplog: pytest.LogCaptureFixture
) -> None:
    database = make(echo_pool=on)

    await backend_of(database)
    await database.dispose()

    logged = [each for each in caplog.records if each.name.startswith("sqlalchemy.pool.")]
    assert any("Pool disposed" in each.getMessage() for each in logged) is on
