"""Whether the schema of the database fits the code: the revisions that it lacks.

The code of a new release runs before the `contract` revisions, and the code of the last release
still runs after the `expand` revisions of the new one. So both are allowed: a pending `contract`
revision, and a revision that this code does not know.
"""

import asyncio
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import SchemaMismatch
from ..migrations.phases import phase_of


class SchemaState:
    """Whether the schema fits the code. When it has fitted once, this asks the database no more.

    `pyproject.toml` in the working directory names the directory of the revisions, as for `alembic`.
    """

    def __init__(self) -> None:
        self._fits = False
        self._turn = asyncio.Lock()  # Alembic has one environment in a process

    async def check(self, engine: AsyncEngine) -> None:
        """Compare the revisions of the database with those of the code.

        Raises:
            SchemaMismatch: the schema is older than the code.
            Error: the database does not answer.
        """
        async with self._turn:
            if self._fits:
                return
            async with engine.connect() as connection:
                missing = await connection.run_sync(self._find_missing)
            if missing:
                raise SchemaMismatch(
                    f"the schema of the database is older than this code, and lacks {missing[0]}: run "
                    "`just migrate expand` before a deploy, or `just migrate` in development"
                )
            self._fits = True

    def _find_missing(self, connection: Connection) -> list[str]:
        """Return the revisions of the phase `expand` that the database lacks, the oldest first."""
        config = Config(toml_file="pyproject.toml", attributes={"connection": connection})
        scripts = ScriptDirectory.from_config(config)
        applied: list[str] = []

        def read(heads: Any, _: Any) -> list[Any]:
            applied.extend(heads)
            return []

        # migrations/env.py may name another table of versions, so it runs.
        with EnvironmentContext(config, scripts, fn=read, dont_mutate=True):
            scripts.run_env()
        try:
            pending = [*scripts.iterate_revisions("heads", tuple(applied) or "base")]
        except RevisionError:  # it does not know a revision, so the database is newer
            return []
        return [each.revision for each in reversed(pending) if phase_of(each) == "expand"]
