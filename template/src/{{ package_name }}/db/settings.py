"""The settings of the database. The object reads the environment when it is created.

Each field is an environment variable with the prefix `DATABASE_`: `DATABASE_URL`,
`DATABASE_POOL_SIZE`, … A file `.env` in the working directory is read too. If both have a value,
the environment counts. Migrations have their own settings, with the prefix `MIGRATION_`.

Times are in seconds. For the server's timeouts 0 means no timeout.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL

from .dialect import dialect
from .errors import SettingsError

# SQLAlchemy's URL is a tuple, and pydantic-settings would try to read a tuple as JSON.
DatabaseURL = Annotated[URL, NoDecode, PlainValidator(dialect.parse_url), PlainSerializer(str)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class EnvironmentSettings(BaseSettings):
    """Settings whose errors are one sentence about environment variables."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # Otherwise an error shows the rejected value, and a URL has the password.
        hide_input_in_errors=True,
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            prefix = values.get("_env_prefix", self.model_config.get("env_prefix", ""))
            problems = (_problem(f"{prefix}{each['loc'][0]}", each) for each in error.errors())
            raise SettingsError(f"{'; '.join(problems)}; see .env.example") from None


class DatabaseSettings(EnvironmentSettings):
    """The settings of the engine. Printing or dumping them hides the password.

    Raises:
        SettingsError: a setting is missing or malformed. The message names the variables, and
            shows no values.
    """

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    url: DatabaseURL
    """The application's URL, in any form that `url.py` of the dialect describes."""

    application_name: str = __name__.partition(".")[0]
    """The name that `pg_stat_activity` shows."""

    pool: Literal["queue", "null"] = "queue"
    """`queue` keeps connections. `null` opens one for each unit of work, for serverless functions.

    Do not use `null` against the error "another operation is in progress". It would hide that two
    tasks share a session.
    """

    pool_size: Annotated[int, Field(ge=1)] = 5
    """Connections that the pool keeps."""

    max_overflow: Annotated[int, Field(ge=0)] = 5
    """More connections that may be opened for a moment."""

    pool_timeout: Annotated[float, Field(gt=0)] = 10
    """How long to wait for a free connection before `PoolTimeout`."""

    pool_recycle: Annotated[float, Field(gt=0)] = 1800
    """The age at which a connection is replaced. Firewalls and poolers must allow more."""

    pool_ping_after_idle: Seconds = 30
    """A connection that was idle for longer is pinged before use. 0 pings at each check-out.

    A ping costs a round trip, and only idle connections become stale.
    """

    connect_timeout: Annotated[float, Field(gt=0)] = 5
    """How long to wait for the server when a connection is opened."""

    statement_timeout: Seconds = 30
    """How long a statement may run before the server cancels it (`QueryCanceled`)."""

    lock_timeout: Seconds = 10
    """How long a statement may wait for a lock (`LockNotAvailable`)."""

    idle_in_transaction_session_timeout: Seconds = 60
    """How long a transaction may wait for its next statement before the server ends the session."""

    pgbouncer: bool = False
    """Whether the URL leads to a PgBouncer in transaction mode.

    PgBouncer refuses timeouts at connect. So the beginning of each transaction sets them.
    """

    echo: bool = False
    """Whether statements are logged, without their parameters."""

    echo_pool: bool = False
    """Whether the pool logs its actions."""

    log_checkouts_longer_than: Seconds = 10
    """Log a warning with the call site if code held a connection for longer. 0 logs nothing."""

    log_statements_longer_than: Seconds = 1
    """Log a warning if a statement took longer, without its parameters. 0 logs nothing."""

    log_statements_repeated_more_than: Annotated[int, Field(ge=0)] = 0
    """Log a warning if a statement runs more often in one transaction. 0 logs nothing.

    This is for development: such a statement is mostly a query in a loop (N+1).
    """

    # Each class has a constructor. Otherwise type checkers accept only the fields, and not `_env_file`.
    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @property
    def timeouts(self) -> dict[str, str]:
        """PostgreSQL's timeouts by name, in milliseconds, as strings."""
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        return {name: str(math.ceil(getattr(self, name) * 1000)) for name in names}


def _problem(name: str, error: Any) -> str:
    problem = f"is not valid: {error['msg'].removeprefix('Value error, ')}"
    return f"{name.upper()} {'is not set' if error['type'] == 'missing' else problem}"
