"""Check that the schema of the database is not older than the code.

During a deploy the new code runs before its `contract` revisions, and the old code still runs after
the `expand` revisions of the new code. So two states are allowed: a pending `contract` revision, and a
revision that this code does not know.
"""

from io import StringIO
from threading import Lock

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import InsufficientPrivilege, SchemaMismatch, SettingsError
from ..migrations.phases import phase_of

_MIGRATE = "run `just migrate expand` before a deploy, or `just migrate` in development"
_NOT_HERE = "no revisions: start the service in the directory of pyproject.toml and migrations/"
_UNREADABLE = "the role of DATABASE_URL may not read the table alembic_version: GRANT SELECT on it"
_alone = Lock()  # Alembic allows one environment per process, and threads may check two services


class SchemaState:
    """Checks the schema. After the first success, it does not ask the database again.

    `pyproject.toml` in the working directory names the directory of the revisions, as for `alembic`.
    """

    _fits = False

    async def check(self, engine: AsyncEngine) -> None:
        """Compare the revisions of the database with the revisions of the code.

        Raises:
            SettingsError: the working directory has no `pyproject.toml`, or no directory of revisions. Or
                the role may not read the table of the applied revisions.
            SchemaMismatch: the schema is older than the code.
            Error: the database does not answer.
        """
        if self._fits:
            return
        async with engine.connect() as connection:
            missing = await connection.run_sync(_find_missing)
        if missing:
            older = f"the schema of the database is older than this code, and lacks {missing[-1].revision}"
            raise SchemaMismatch(f"{older}: {_MIGRATE}")
        self._fits = True


def _find_missing(connection: Connection) -> list[Script]:
    """Return the revisions of the phase `expand` that the database lacks, the newest first.

    A merge changes nothing. It may need a revision of the phase `contract`, so it does not count.
    """
    config = Config(toml_file="pyproject.toml", output_buffer=StringIO())
    try:
        scripts = ScriptDirectory.from_config(config)
    except CommandError as error:
        raise SettingsError(_NOT_HERE) from error
    # migrations/env.py may name another table of versions. Here it writes a script without revisions. That
    # needs no database, so nothing else can run in this thread before the environment ends.
    with _alone, EnvironmentContext(config, scripts, fn=lambda *_: [], as_sql=True) as environment:
        scripts.run_env()
        options = environment.get_context().opts | {"as_sql": False, "literal_binds": False}
    try:
        applied = MigrationContext.configure(connection, opts=options).get_current_heads()
        pending = [*scripts.iterate_revisions("heads", applied or "base")]
    except InsufficientPrivilege as error:
        raise SettingsError(_UNREADABLE) from error
    except RevisionError:  # the code does not know a revision, so the database is newer
        return []
    return [each for each in pending if phase_of(each) == "expand" and not each.is_merge_point]
