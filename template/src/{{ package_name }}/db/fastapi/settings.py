"""The settings of the web service. The object reads the environment when it is created.

Each field is an environment variable with the prefix `WEB_`, such as `WEB_LOG_LEVEL`. The server has
other settings: `uvicorn` reads `UVICORN_HOST`, `UVICORN_PORT` and `WEB_CONCURRENCY`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from ..settings import EnvironmentSettings, Seconds, one_sentence


class WebSettings(EnvironmentSettings):
    """Settings with the prefix `WEB_`. Subclass it to add yours.

    Raises:
        SettingsError: a value is malformed. The message is one sentence and shows no value.
    """

    model_config = SettingsConfigDict(env_prefix="WEB_")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The lowest level that is logged: for `configure_logging` of your `api/logs.py`."""

    log_statements_repeated_more_than: Annotated[int, Field(ge=0)] = 10
    """Log a warning if a statement runs more often in one request. 0 logs nothing."""

    drain_timeout: Seconds = 20
    """How long the end waits for running requests, before it closes their connections.

    uvicorn waits too. Its limit is `UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN`.
    """

    def __init__(self, **values: Any) -> None:
        with one_sentence(self.model_config.get("env_prefix", "")):
            super().__init__(**values)
