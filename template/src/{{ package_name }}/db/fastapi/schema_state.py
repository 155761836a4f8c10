"""Check that the schema of the database is not older than the code.

During a deploy the new code runs before its `contract` revisions, and the old code still runs after
the `expand` revisions of the new code. So two states are allowed: a pending `contract` revision, and a
revision that this code does not know.
"""

import asyncio

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import SchemaMismatch
from ..migrations.phases import phase_of


class SchemaState:
    """Checks the schema. After the first success, it does not ask the database again.

    `pyproject.toml` in the working directory names the directory of the revisions, as for `alembic`.
    """

    def __init__(self) -> None:
        self._fits = False
        self._turn = asyncio.Lock()  # Alembic allows one environment per process

    async def check(self, engine: AsyncEngine) -> None:
        """Compare the revisions of the database with the revisions of the code.

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
        # This runs migrations/env.py, because it may name another table of versions. No revision runs.
        with EnvironmentContext(config, scripts, fn=lambda *_: [], dont_mutate=True) as environment:
            scripts.run_env()
            applied = environment.get_context().get_current_heads()
        try:
            pending = [*scripts.iterate_revisions("heads", applied or "base")]
        except RevisionError:  # the code does not know a revision, so the database is newer
            return []
        return [each.revision for each in reversed(pending) if phase_of(each) == "expand"]
