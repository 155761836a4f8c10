"""How migrations reach the database: an object of their own, so that they need no other setting."""

from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import NoDecode, SettingsConfigDict

from ..errors import SettingsError
from ..settings import DatabaseSettings, DatabaseURL, EnvironmentSettings, Seconds, one_sentence


class MigrationSettings(EnvironmentSettings):
    """What a migration needs to know: `MIGRATION_DATABASE_URL`, `MIGRATION_LOCK_TIMEOUT`, …

    Raises:
        SettingsError: something is malformed; one sentence without any value.
    """

    model_config = SettingsConfigDict(env_prefix="MIGRATION_")

    database_url: Annotated[DatabaseURL | None, NoDecode] = None
    """The URL of the owner of the tables. It leads to the server directly, and not to a pooler.

    `DATABASE_URL` where it is not given.
    """

    lock_timeout: Seconds = 0.5
    """How long a migration waits for a lock, before it lets others pass and tries again."""

    attempts: Annotated[int, Field(ge=1)] = 30
    """How often a migration tries, with up to 5 seconds in between."""

    wait: Seconds = 600
    """How long a migration waits for the end of another one."""

    def __init__(self, **values: Any) -> None:
        with one_sentence(self.model_config["env_prefix"]):
            super().__init__(**values)

    def engine_settings(self) -> DatabaseSettings:
        """Return the settings of an engine for migrations: one direct connection, not pooled.

        What is not said here comes from the variables of the application, such as
        `DATABASE_CONNECT_TIMEOUT`.

        Raises:
            SettingsError: there is no URL, or only that of PgBouncer.
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
                "MIGRATION_DATABASE_URL is not set, and migrations cannot go through PgBouncer"
            )
        name = f"{settings.application_name} migrations"
        return settings.model_copy(update={"application_name": name, "pgbouncer": False})
