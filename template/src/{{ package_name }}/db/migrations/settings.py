"""The settings of migrations. They are a separate object, so migrations need no other settings."""

from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import NoDecode, SettingsConfigDict

from ..errors import SettingsError
from ..settings import DatabaseSettings, DatabaseURL, EnvironmentSettings, Seconds


class MigrationSettings(EnvironmentSettings):
    """Settings with the prefix `MIGRATION_`: `MIGRATION_DATABASE_URL`, `MIGRATION_LOCK_TIMEOUT`, …

    Raises:
        SettingsError: a value is malformed. The message is one sentence and shows no value.
    """

    model_config = SettingsConfigDict(env_prefix="MIGRATION_")

    database_url: Annotated[DatabaseURL | None, NoDecode] = None
    """The URL of the owner of the tables. It must lead to the server, and not to a pooler.

    Without it, migrations use `DATABASE_URL`.
    """

    lock_timeout: Seconds = 0.5
    """How long a migration waits for a lock, before it lets others pass and tries again."""

    attempts: Annotated[int, Field(ge=1)] = 30
    """How often a migration tries, with up to 5 seconds in between."""

    wait: Seconds = 600
    """How long a migration waits for the end of another one."""

    def __init__(self, **values: Any) -> None:  # for type checkers
        super().__init__(**values)

    def engine_settings(self) -> DatabaseSettings:
        """Return the settings of an engine for migrations: one direct connection, not pooled.

        Other settings come from the variables of the application, such as
        `DATABASE_CONNECT_TIMEOUT`.

        Raises:
            SettingsError: there is no URL, or only the URL of PgBouncer.
        """
        url = {} if self.database_url is None else {"url": self.database_url}
        settings = DatabaseSettings(
            **url,
            pool="null",
            lock_timeout=self.lock_timeout,
            log_checkouts_longer_than=0,
            log_statements_longer_than=0,
        )
        if settings.pgbouncer and not url:
            raise SettingsError(
                "migrations cannot go through PgBouncer: set MIGRATION_DATABASE_URL to the server itself"
            )
        name = f"{settings.application_name} migrations"
        return settings.model_copy(update={"application_name": name, "pgbouncer": False})
