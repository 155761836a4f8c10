"""Alembic's environment. It opens a connection, writes a script, or uses the caller's connection.

`alembic upgrade head` connects to `MIGRATION_DATABASE_URL`, or to `DATABASE_URL` if that is not
set. It runs alone, and tries again after a lock timeout; see `runner.py`.

`alembic upgrade head --sql` needs no database. It writes one script of all revisions. Run it with
`psql --set ON_ERROR_STOP=1`, so that it stops at the first error. If a revision cannot be written,
there is no script.

A program or a test can hand in its connection, in any event loop. If no loop runs, it can hand in
an `AsyncEngine`. Then this does not wait for other migrations, and does not try again::

    config.attributes["connection"] = connection  # inside of AsyncConnection.run_sync
    command.upgrade(config, "head")

Models may be in several schemas. The first revision that needs a schema creates it.
"""

import asyncio
import sys
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from types import ModuleType
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import ConnectionFailure, ConnectionRejected, Error, SettingsError
from ..settings import DatabaseSettings
from . import operations  # noqa: F401  # The import registers the operations.
from .dialect import dialect
from .phases import Steps
from .runner import run_alone, run_on_engine, run_once
from .settings import MigrationSettings

# The sentences of Alembic and SQLAlchemy, by their first words, do not say what to do.
_HEADS = "there are several heads: set the down_revision of the newer one to the other one"
_SEVERAL = "this could mean several revisions: name one, as in `alembic downgrade 0001`"
_SENTENCES: dict[str | tuple[str, ...], str] = {
    "Target database is not up": "the database lacks a revision: run `just migrate`",
    "Can't reconnect until": "the connection to the database was lost: run the command again",
    ("Multiple head revisions are", "Multiple heads are present"): _HEADS,
    ("Ambiguous walk", "Ambiguous upgrade from", "downgrade -1 from multiple heads"): _SEVERAL,
}


def run_migrations(metadata: MetaData, **options: Any) -> None:
    """Run the `alembic` command.

    Args:
        metadata: the metadata of all models. `alembic revision` and `alembic check` compare it with
            the database.
        options: options for Alembic's `context.configure`. For example, `include_object` can leave
            out tables that no model describes.

    Raises:
        CommandError: the command is not possible, or the database reports an error. Alembic prints
            it as one sentence.
    """
    context.configure(dialect_name=dialect.NAME)  # Only then Alembic shows the arguments.
    command = context.get_context().opts
    ours: dict[str, Any] = {"target_metadata": metadata, "transaction_per_migration": True}
    if "revision_context" in command:  # `alembic revision` and `alembic check`
        ours |= _load_authoring().options(metadata)
    context.config.attributes["options"] = options  # A test reads `include_object`.
    handed_in = context.config.attributes.get("connection")
    if context.is_offline_mode():
        _write_script(ours | options)
    elif handed_in is None:
        _connect_and_run(ours | options, changes="destination_rev" in command)
    elif isinstance(handed_in, AsyncEngine):
        asyncio.run(run_on_engine(handed_in, partial(_run, ours | options, Steps(_silent))))
    else:
        _run(ours | options, Steps(_silent), handed_in)


def _load_authoring() -> ModuleType:
    name = f"{__package__}.authoring"
    if find_spec(name) is None:
        raise CommandError(
            "`alembic revision` and `alembic check` need db/migrations/authoring/, which is not in the "
            "wheel: run them in the project's source tree"
        )
    return import_module(name)


def _connect_and_run(options: dict[str, Any], *, changes: bool) -> None:
    tell = _tell if changes else _silent
    work = partial(_run, options | {"tell": tell}, Steps(tell))  # a backfill reads `tell`
    try:
        settings = MigrationSettings()
        engine = settings.engine_settings()
        asyncio.run(run_alone(settings, work, tell) if changes else run_once(engine, work))
    except (ConnectionFailure, ConnectionRejected, SettingsError) as error:
        raise CommandError(str(error)) from error
    except (CommandError, UserWarning, exc.PendingRollbackError) as error:
        for words, sentence in _SENTENCES.items():
            if str(error).startswith(words):
                raise CommandError(sentence) from error
        raise
    except Error as error:  # People who migrate may see the message of the server.
        said = getattr(error.__cause__, "__notes__", [error.__cause__])
        # The advice to migrate is for a program. Here the SQL of a revision is wrong.
        raise CommandError(f"{str(error).partition(': migrate')[0]}: {said[-1]}") from error


def _run(options: dict[str, Any], steps: Steps, connection: Connection) -> None:
    # No transaction may stay open, because an operation that commits would refuse it.
    with connection.begin_nested() if (busy := connection.in_transaction()) else connection.begin():
        dialect.secure_session(connection.exec_driver_sql)
    context.configure(connection=connection, **options)
    steps.restrict(context.get_context())
    with context.begin_transaction(), warnings.catch_warnings():
        # A type that SQLAlchemy does not know is compared by the name that the server gives it.
        warnings.filterwarnings("ignore", "Did not recognize type")
        warnings.filterwarnings("error", "downgrade -1 from multiple heads is ambiguous")
        context.run_migrations()
    if not busy:  # Without a step, Alembic does not end the transaction in which it read the heads.
        connection.commit()


def _write_script(options: dict[str, Any]) -> None:
    fields = {"lock_timeout": MigrationSettings, "statement_timeout": DatabaseSettings}
    seconds = {name: kind.model_fields[name].default for name, kind in fields.items()}
    timeouts: dict[str, Any] = {name: f"{each * 1000:.0f}ms" for name, each in seconds.items()}
    context.configure(
        dialect_name=dialect.NAME,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        output_buffer=(script := StringIO()),
        **(options | timeouts),  # operations that change a timeout restore these values
    )
    Steps(_silent).restrict(context.get_context())
    dialect.set_timeouts(context.execute, timeouts)
    dialect.secure_session(context.execute)
    bind: Any = context.get_bind()
    bind.execute = partial(_write, bind.execute)
    impl: Any = context.get_context().impl
    impl._exec = partial(_put, impl)  # private: each statement of a script goes through it
    with context.begin_transaction():
        context.run_migrations()
    (context.config.output_buffer or sys.stdout).write(script.getvalue())


def _write(execute: Any, statement: Any, parameters: Any = None, **_: Any) -> None:
    """Write a statement with its parameters as literals. Alembic would write NULL for each."""
    put = getattr(statement, "bindparams", None) or getattr(statement, "values", statement.params)
    for each in parameters if isinstance(parameters, list) else [parameters]:
        execute(put(**each) if each else statement)


def _put(impl: Any, construct: Any, *_: Any) -> None:
    """Put a statement into the script as it is. Alembic would replace tabs."""
    statement = text(construct) if isinstance(construct, str) else construct
    compiled = statement.compile(dialect=impl.dialect)
    # As online, this refuses a parameter without a value. Alembic would write NULL.
    if compiled.construct_params() is not None:  # as it is for DDL
        compiled = statement.compile(dialect=impl.dialect, compile_kwargs={"literal_binds": True})
    sql = str(compiled).strip()
    # A comment at the end would hide the semicolon.
    impl.static_output(f"{sql}\n;" if "--" in sql.rpartition("\n")[2] else f"{sql};")


def _tell(line: str) -> None:
    context.config.print_stdout("%s", line)
    context.config.stdout.flush()  # print immediately, also into a pipe, as in CI


def _silent(_: str) -> None:
    """Print nothing, because the caller does not ask for the progress."""
