"""What this program is told from outside; read when `Settings()` is called, never at import."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from .db import DatabaseSettings


class Settings(BaseSettings):
    """All settings. Add yours as fields: `name` is read from the environment variable `NAME`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
