"""The settings of the web service. The object reads the environment when it is created.

Each field is an environment variable with the prefix `WEB_`, such as `WEB_LOG_LEVEL`. The server has
its own settings: `uvicorn` reads `UVICORN_HOST`, `UVICORN_PORT` and `WEB_CONCURRENCY`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from ..settings import EnvironmentSettings, Seconds


class WebSettings(EnvironmentSettings):
    """Settings with the prefix `WEB_`. To add your own, write a subclass.

    Raises:
        SettingsError: a value is malformed. The message is one sentence and shows no value.
    """

    model_config = SettingsConfigDict(env_prefix="WEB_")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The lowest level that is logged. Your `api/app.py` gives it to `configure_logging`."""

    log_statements_repeated_more_than: Annotated[int, Field(ge=0)] = 10
    """Log a warning if a request runs a statement more often than this. 0 logs nothing.

    If `DATABASE_LOG_STATEMENTS_REPEATED_MORE_THAN` is not 0, that number counts instead.
    """

    drain_timeout: Seconds = 20
    """How long the shutdown waits for running requests, before it closes their connections.

    Before that, uvicorn waits for up to `UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN` seconds.
    """

    def __init__(self, **values: Any) -> None:  # for type checkers
        super().__init__(**values)
