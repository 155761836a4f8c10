"""URLs in the forms of hosting services, and settings that show no secrets."""

import inspect
import re
from pathlib import Path

import pytest
from asyncpg import connect_utils

from shop.db import DatabaseSettings, errors
from shop.db.migrations.settings import MigrationSettings
from shop.db.postgresql.url import parse_url, split_url
from shop.settings import Settings

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without a .env."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("given", "query", "dsn"),
    [
        ("postgres://u:p@host/name", {}, "postgresql://"),
        ("postgresql://u:p@host:6432/name", {}, "postgresql://"),
        ("postgresql+asyncpg://u:p@host/name", {}, "postgresql://"),
        ("postgres://u:p@host/name?sslmode=require", {}, "postgresql://?sslmode=require"),
        (
            "postgresql://u:p@host/name?sslmode=require&channel_binding=require&connect_timeout=9",
            {},
            "postgresql://?sslmode=require",
        ),
        (
            "postgresql://u:p@host/name?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            {},
            "postgresql://?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem",
        ),
        (
            "postgresql://u:p@/name?host=/cloudsql/a:b:c",
            {"host": "/cloudsql/a:b:c"},
            "postgresql://",
        ),
        (
            "postgresql://u:p@host/name?options=endpoint%3Dquiet-sea",
            {},
            "postgresql://?options=endpoint%3Dquiet-sea",
        ),
    ],
)
def test_urls_of_hosting_services_are_understood(
    given: str, query: dict[str, str], dsn: str
) -> None:
    url, arguments = split_url(parse_url(given))

    assert url.drivername == "postgresql+asyncpg"
    assert (url.username, url.password, url.database) == ("u", "p", "name")
    assert url.query == query
    assert arguments == {"dsn": dsn}


def test_each_parameter_that_the_driver_reads_is_understood() -> None:
    read = {*re.findall(r"if '(\w+)' in query", inspect.getsource(connect_utils))}
    # The URL says these itself, or they would be secrets in clear text.
    read -= {"service", "host", "port", "dbname", "database", "user", "password", "sslpassword"}
    assert "sslcert" in read

    for name in read | {"application_name", "options"}:
        _, arguments = split_url(parse_url(f"postgresql://u:p@host/name?{name}=1"))
        assert arguments == {"dsn": f"postgresql://?{name}=1"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (f"mysql://u:{SECRET}@host/name", "begin with postgresql"),
        (f"postgresql+psycopg://u:{SECRET}@host/name", "begin with postgresql"),
        (f"u:{SECRET}@host/name", "does not have the form"),
        (f"postgresql://u:{SECRET}@host:port/name", "does not have the form"),
        (f"postgresql://u:{SECRET}@host", "names no database"),
        (f"postgresql://u:first@{SECRET}@host/name", "its host has an @"),
        (f"postgresql://u:{SECRET}@host,other/name", "its host has an @ or a comma"),
        (f"postgresql://u:{SECRET}@host:99999/name", "its port is not between"),
        (f"postgresql://u:p@host/name?sslpassword={SECRET}", "unknown parameters: sslpassword"),
        (
            f"postgresql://u:{SECRET}@host/name?pgbouncer=true&x={SECRET}",
            "unknown parameters: pgbouncer, x",
        ),
    ],
)
def test_the_error_about_an_invalid_url_does_not_show_its_secret(
    monkeypatch: pytest.MonkeyPatch, given: str, sentence: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)

    with pytest.raises(errors.SettingsError, match=sentence) as error:
        Settings()

    assert SECRET not in str(error.value)
    assert str(error.value).startswith("DATABASE_URL is not valid")
    assert "\n" not in str(error.value)


def test_a_program_without_a_url_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(errors.SettingsError, match=r"^DATABASE_URL is not set; see"):
        Settings()


def test_settings_are_read_from_the_environment_and_from_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("DATABASE_URL=postgresql://file@host/name\nDATABASE_POOL_SIZE=7\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://environment@host/name")
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://owner@host/name")

    settings = Settings().database

    assert settings.url.username == "environment"
    assert settings.pool_size == 7
    migration = MigrationSettings().engine_settings()
    assert (migration.url.username, migration.pool_size) == ("owner", 7)


def test_migrations_use_the_applications_url_if_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@host/name")
    monkeypatch.setenv("DATABASE_LOCK_TIMEOUT", "9")
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "")

    migration = MigrationSettings().engine_settings()

    assert migration.url.username == "u"
    assert (migration.pool, migration.lock_timeout) == ("null", 0.5)
    assert migration.application_name == "shop migrations"


def test_migrations_do_not_need_the_settings_of_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://owner@host/name")
    monkeypatch.setenv("MIGRATION_LOCK_TIMEOUT", "2")
    monkeypatch.delenv("DATABASE_URL", raising=False)

    migration = MigrationSettings(attempts=3).engine_settings()

    assert (migration.url.username, migration.lock_timeout) == ("owner", 2)


def test_migrations_without_a_url_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(errors.SettingsError, match=r"^DATABASE_URL is not set; see"):
        MigrationSettings().engine_settings()


def test_migrations_never_go_through_pgbouncer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:{SECRET}@host/name")
    monkeypatch.setenv("DATABASE_PGBOUNCER", "true")
    with pytest.raises(errors.SettingsError, match="set MIGRATION_DATABASE_URL to") as error:
        MigrationSettings().engine_settings()
    assert SECRET not in str(error.value)

    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://owner@host/name")
    assert not MigrationSettings().engine_settings().pgbouncer


def test_the_error_about_an_invalid_setting_of_migrations_does_not_show_its_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIGRATION_DATABASE_URL", f"mysql://u:{SECRET}@host/name")
    monkeypatch.setenv("MIGRATION_ATTEMPTS", "0")

    with pytest.raises(errors.SettingsError) as error:
        MigrationSettings()

    assert SECRET not in str(error.value)
    assert str(error.value).startswith("MIGRATION_DATABASE_URL is not valid: it must begin with")
    assert "MIGRATION_ATTEMPTS is not valid: Input should be" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_very_short_timeout_does_not_become_0() -> None:
    settings = DatabaseSettings(url="postgresql://u:p@host/name", statement_timeout=0.0004)

    assert settings.timeouts["statement_timeout"] == "1"


def test_a_variable_with_the_name_of_a_field_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE", "shop")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@host/name")
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "")

    assert Settings().database.url.username == "u"


def test_secrets_are_never_printed() -> None:
    url = f"postgresql://u:{SECRET}@host/name"

    for settings in (DatabaseSettings(url=url), MigrationSettings(database_url=url)):
        dumped = (settings.model_dump_json(), repr(settings.model_dump()))
        for text in (repr(settings), str(settings), *dumped):
            assert SECRET not in text
            assert "***" in text
    assert SECRET not in str(DatabaseSettings(url=url).url)


def test_a_number_out_of_range_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", "0")
    monkeypatch.setenv("DATABASE_POOL", "none")

    with pytest.raises(errors.SettingsError) as error:
        DatabaseSettings(url="postgresql://u:p@host/name")

    assert "DATABASE_POOL_SIZE is not valid" in str(error.value)
    assert "DATABASE_POOL is not valid" in str(error.value)


def test_settings_cannot_be_changed() -> None:
    settings = DatabaseSettings(url="postgresql://u:p@host/name")

    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "pool_size", 3)  # noqa: B010  # mypy refuses the assignment, as it should
